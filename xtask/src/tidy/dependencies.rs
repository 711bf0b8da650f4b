//! Who may depend on whom, and which packages only one of us may name.
//!
//! The direction is `domain` ← libraries ← services ← the binary. A service never depends on another
//! service: they meet in `proto`. `runtime` knows none of the others, `testkit` is for tests and rigs,
//! and nothing depends on a rig (`loadtest/`), which speaks to any server directly.

use std::collections::BTreeSet;

use anyhow::Result;
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::command;

/// A package of the workspace.
pub(super) struct Package {
    pub(super) name: String,
    /// From the root: `crates/domain`.
    pub(super) folder: String,
    pub(super) dependencies: Vec<Dependency>,
}

/// An edge to a package of ours or of others.
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) for_tests: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    Domain,
    Library,
    Runtime,
    Service,
    Binary,
    Testkit,
    Rig,
    Xtask,
}

/// Packages of others that may be named only here, with the reason.
const CONFINED: [(&str, &[&str], &str); 4] = [
    (
        "sqlx",
        &[
            "hubbub-room",
            "hubbub-history",
            "hubbub-identity",
            "hubbub-postgres",
            "hubbub-testkit",
            "hubbub-rig",
        ],
        "only a service that owns a store speaks SQL",
    ),
    (
        "redis",
        &["hubbub-bus", "hubbub-ephemeral", "hubbub-testkit", "hubbub-rig"],
        "Redis stands behind the ports bus and ephemeral",
    ),
    ("jsonwebtoken", &["hubbub-auth"], "tokens are judged in one place"),
    ("fastwebsockets", &["hubbub-gateway"], "its traps are handled in one module"),
];

pub(super) fn read() -> Result<Vec<Package>> {
    let root = command::root();
    let metadata = MetadataCommand::new().no_deps().current_dir(&root).exec()?;
    let packages = metadata.workspace_packages().into_iter().map(|package| {
        let folder = package.manifest_path.parent().map(|folder| folder.as_std_path().to_owned());
        let folder = folder.unwrap_or_default();
        let folder = folder.strip_prefix(&root).unwrap_or(&folder);
        let dependencies = package.dependencies.iter().map(|dependency| Dependency {
            name: dependency.name.clone(),
            for_tests: dependency.kind == DependencyKind::Development,
        });
        Package {
            name: package.name.to_string(),
            folder: folder.to_string_lossy().into_owned(),
            dependencies: dependencies.collect(),
        }
    });
    Ok(packages.collect())
}

pub(super) fn check(packages: &[Package]) -> Vec<String> {
    let mut violations: BTreeSet<String> = packages.iter().filter_map(misnamed).collect();
    for package in packages {
        for dependency in &package.dependencies {
            violations.extend(forbidden_edge(packages, package, dependency));
            violations.extend(confined(package, dependency));
        }
    }
    violations.into_iter().collect()
}

fn layer(folder: &str) -> Layer {
    match folder {
        "crates/domain" => Layer::Domain,
        "crates/runtime" => Layer::Runtime,
        "crates/testkit" => Layer::Testkit,
        "services/hubbub" => Layer::Binary,
        "xtask" => Layer::Xtask,
        other if other.starts_with("services/") => Layer::Service,
        other if other.starts_with("loadtest/") || other.starts_with("deploy/") => Layer::Rig,
        _ => Layer::Library,
    }
}

/// What each layer may depend on, outside of its tests.
fn below(layer: Layer) -> &'static [Layer] {
    match layer {
        Layer::Domain | Layer::Runtime | Layer::Xtask => &[],
        Layer::Library => &[Layer::Domain],
        Layer::Service => &[Layer::Domain, Layer::Library, Layer::Runtime],
        Layer::Binary => &[Layer::Domain, Layer::Library, Layer::Runtime, Layer::Service],
        Layer::Testkit => &[Layer::Domain, Layer::Library],
        Layer::Rig => &[Layer::Domain, Layer::Library, Layer::Testkit],
    }
}

fn forbidden_edge(packages: &[Package], from: &Package, edge: &Dependency) -> Option<String> {
    let to = packages.iter().find(|package| package.name == edge.name)?;
    let target = layer(&to.folder);
    let allowed = below(layer(&from.folder)).contains(&target);
    if allowed || (edge.for_tests && target == Layer::Testkit) {
        return None;
    }
    let why = match (layer(&from.folder), target) {
        (Layer::Service, Layer::Service) => "a service never depends on another service's crate",
        (_, Layer::Rig) => "nothing depends on a rig",
        (_, Layer::Testkit) => "testkit is a dev-dependency only",
        (Layer::Runtime, _) => "runtime knows none of our other crates",
        _ => "the direction is domain, libraries, services, binary",
    };
    Some(format!("{}/Cargo.toml: {} may not depend on {}: {why}", from.folder, from.name, to.name))
}

fn confined(package: &Package, edge: &Dependency) -> Option<String> {
    let (name, places, why) = CONFINED.iter().find(|(name, ..)| *name == edge.name)?;
    let allowed = places.contains(&package.name.as_str());
    (!allowed).then(|| {
        format!("{}/Cargo.toml: {} may not name {name}: {why}", package.folder, package.name)
    })
}

/// Logs are filtered by package name: every one starts with `hubbub`.
fn misnamed(package: &Package) -> Option<String> {
    let folder = package.folder.rsplit('/').next().unwrap_or_default();
    let expected = if folder == "hubbub" { folder.to_owned() } else { format!("hubbub-{folder}") };
    (package.name != expected)
        .then(|| format!("{}/Cargo.toml: the package's name is not {expected}", package.folder))
}

#[cfg(test)]
mod tests {
    use super::{Dependency, Package, check};

    /// A workspace in which `name` has the given dependencies; `dev:` marks those of tests.
    fn violations(name: &str, edges: &[&str]) -> Vec<String> {
        let folders = [
            "crates/domain",
            "crates/bus",
            "crates/proto",
            "crates/auth",
            "crates/runtime",
            "crates/testkit",
            "services/room",
            "services/history",
            "services/gateway",
            "services/hubbub",
            "loadtest/rig",
            "xtask",
        ];
        let packages: Vec<Package> = folders
            .iter()
            .map(|folder| {
                let last = folder.rsplit('/').next().expect("not empty");
                let package =
                    if last == "hubbub" { last.to_owned() } else { format!("hubbub-{last}") };
                let edges: &[&str] = if package == name { edges } else { &[] };
                let dependencies = edges.iter().map(|edge| Dependency {
                    name: edge.trim_start_matches("dev:").to_owned(),
                    for_tests: edge.starts_with("dev:"),
                });
                Package {
                    name: package,
                    folder: (*folder).to_owned(),
                    dependencies: dependencies.collect(),
                }
            })
            .collect();
        check(&packages)
    }

    #[test]
    fn the_right_direction_passes() {
        for (name, edges) in [
            ("hubbub-bus", &["hubbub-domain", "redis", "dev:hubbub-testkit"][..]),
            ("hubbub-room", &["hubbub-proto", "hubbub-bus", "hubbub-runtime", "sqlx"]),
            ("hubbub", &["hubbub-room", "hubbub-gateway", "hubbub-runtime", "tokio"]),
            ("hubbub-testkit", &["hubbub-auth", "redis", "sqlx"]),
            ("hubbub-gateway", &["fastwebsockets", "hubbub-auth", "dev:hubbub-testkit"]),
            ("hubbub-rig", &["hubbub-testkit", "hubbub-proto", "hubbub-bus", "redis", "sqlx"]),
        ] {
            assert_eq!(violations(name, edges), Vec::<String>::new());
        }
    }

    #[test]
    fn every_other_direction_is_one_line() {
        for (name, edge, reason) in [
            ("hubbub-room", "hubbub-history", "another service"),
            ("hubbub-gateway", "dev:hubbub-room", "another service"),
            ("hubbub-domain", "hubbub-proto", "direction"),
            ("hubbub-bus", "hubbub-room", "direction"),
            ("hubbub-bus", "hubbub-proto", "direction"),
            ("hubbub-runtime", "hubbub-domain", "runtime knows"),
            ("hubbub-room", "hubbub-testkit", "dev-dependency only"),
            ("hubbub-room", "hubbub", "direction"),
            ("hubbub-rig", "hubbub-history", "direction"),
            ("hubbub-testkit", "hubbub-rig", "nothing depends on a rig"),
            ("hubbub-gateway", "sqlx", "owns a store"),
            ("hubbub-room", "redis", "ports"),
            ("hubbub-gateway", "jsonwebtoken", "one place"),
            ("hubbub", "fastwebsockets", "one module"),
        ] {
            let found = violations(name, &[edge]);
            assert_eq!(found.len(), 1, "{name} -> {edge}: {found:?}");
            assert!(found[0].contains(reason), "{found:?}");
        }
    }

    #[test]
    fn names_follow_folders() {
        let package = Package {
            name: "room".to_owned(),
            folder: "services/room".to_owned(),
            dependencies: Vec::new(),
        };
        let found = check(&[package]);
        assert_eq!(found, ["services/room/Cargo.toml: the package's name is not hubbub-room"]);
    }
}
