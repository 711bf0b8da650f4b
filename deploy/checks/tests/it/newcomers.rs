//! What a newcomer's tools read: the editor's settings, the development container, where to report a
//! vulnerability. Each agrees with what the repository itself asks for.

use std::fs;

use hubbub_checks::repository;
use serde_json::Value;

fn text(name: &str) -> String {
    fs::read_to_string(repository().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn editors_format_as_the_tools_do() {
    let settings = text(".editorconfig");
    let section = |name: &str| {
        let (_, rest) = settings.split_once(&format!("[{name}]\n")).expect(name);
        rest.split("\n[").next().unwrap_or(rest).to_owned()
    };
    assert!(settings.lines().any(|line| line == "root = true"));
    for line in ["end_of_line = lf", "charset = utf-8", "insert_final_newline = true"] {
        assert!(section("*").contains(line), "{line}");
    }
    // rustfmt's defaults; rustfmt.toml sets no others.
    let rustfmt = text("rustfmt.toml");
    assert!(!rustfmt.contains("max_width") && !rustfmt.contains("tab_spaces"), "{rustfmt}");
    for line in ["indent_size = 4", "max_line_length = 100"] {
        assert!(section("*.rs").contains(line), "{line}");
    }
    assert!(section("Makefile").contains("indent_style = tab"));
}

#[test]
fn the_development_container_has_the_toolchain_and_the_ports() {
    let container: Value =
        serde_json::from_str(&text(".devcontainer/devcontainer.json")).expect("JSON");
    let build = container["build"]["dockerfile"].as_str().expect("a file");
    let image = text(&format!(".devcontainer/{build}"));
    let manifest = text("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    let version = version.expect("a version").trim_matches('"').to_owned();
    let from = format!("FROM rust:{version}-bookworm");
    assert!(image.lines().any(|line| line == from), "it does not begin with {from:?}");
    for package in ["postgresql", "redis-server", "nodejs", "npm", "python3-venv", "prometheus"] {
        let named = image.split_whitespace().any(|word| word == package);
        assert!(named, "{package} is missing");
    }
    assert_eq!(container["forwardPorts"], serde_json::json!([8080, 7100]));
}

#[test]
fn vulnerabilities_can_be_reported_in_private() {
    let security = text("SECURITY.md");
    for words in ["Report it in private", "security/advisories/new", "Supported versions"] {
        assert!(security.contains(words), "{words}");
    }
    // Links to files lead to files.
    for (at, _) in security.match_indices("](") {
        let target = security[at + 2..].split(')').next().expect("an end");
        let file = target.split('#').next().expect("a file");
        assert!(target.starts_with("http") || repository().join(file).exists(), "{target}");
    }
}
