//! Everything that is checked without running it. Every check runs, so that one go shows all that
//! is wrong; any failure fails the whole.

use anyhow::{Context as _, Result, bail};

use crate::{api_documents, command, load, tidy, tools, web};

/// The name of a check, and how it is done.
type Check = (&'static str, fn() -> Result<()>);

pub(crate) fn run() -> Result<()> {
    tools::rust_components()?;
    let checks: [Check; 10] = [
        ("formatting", || command::run(command::cargo(), &["fmt", "--all", "--check"])),
        ("tidy", tidy::run),
        ("buf", buf),
        ("buf breaking", breaking),
        ("k6 types", load::check_types),
        ("web", web::lint),
        ("OpenAPI", api_documents::check_openapi),
        ("AsyncAPI", api_documents::check_asyncapi),
        ("clippy", clippy),
        ("cargo-deny", deny),
    ];
    let mut failed = Vec::new();
    for (name, check) in checks {
        println!("\n== {name}");
        if let Err(error) = check() {
            eprintln!("{error:#}");
            failed.push(name);
        }
    }
    if failed.is_empty() {
        println!("\nlint: all is well");
        return Ok(());
    }
    bail!("lint failed: {}", failed.join(", "))
}

/// Formats what the checks would otherwise complain about.
pub(crate) fn format() -> Result<()> {
    tools::rust_components()?;
    command::run(command::cargo(), &["fmt", "--all"])?;
    command::run_in(&command::root().join("proto"), tools::buf()?, &["format", "--write"])?;
    web::format()
}

fn clippy() -> Result<()> {
    command::run(
        command::cargo(),
        &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
    )
}

fn buf() -> Result<()> {
    let buf = tools::buf()?;
    let proto = command::root().join("proto");
    command::run_in(&proto, &buf, &["lint"])?;
    command::run_in(&proto, &buf, &["format", "--diff", "--exit-code"])
}

/// Nothing that a caller of the last `main` relies on is gone. Compared with the branch as git has it here,
/// so that no network is needed.
fn breaking() -> Result<()> {
    let main = ["origin/main", "main"].into_iter().find(|branch| {
        let verify = ["rev-parse", "--verify", "--quiet", &format!("{branch}^{{commit}}")];
        command::output("git", &verify).is_some()
    });
    let Some(main) = main else {
        println!("there is no branch main here to compare with");
        return Ok(());
    };
    let before = command::target_folder()?.join("proto-of-main");
    let before = before.to_str().context("the target folder's path is not UTF-8")?;
    let unpack = format!(
        "rm -rf '{before}' && mkdir -p '{before}' && git archive {main} proto | tar -x -C '{before}'"
    );
    command::run("sh", &["-c", &unpack])?;
    let against = format!("{before}/proto");
    command::run_in(
        &command::root().join("proto"),
        tools::buf()?,
        &["breaking", "--against", &against],
    )
}

/// Licences, sources and bans always; known vulnerabilities when their database can be had.
fn deny() -> Result<()> {
    let deny = tools::cargo_deny()?;
    command::run(&deny, &["--locked", "check", "bans", "licenses", "sources"])?;
    let fetched = command::output("timeout", &["120", &deny.to_string_lossy(), "fetch", "db"]);
    match (fetched, database_date()) {
        (Some(_), Some(date)) => println!("advisory database of {date}"),
        (None, Some(date)) => println!("advisory database of {date} (a newer one cannot be had)"),
        (_, None) => {
            println!("advisories: SKIPPED, the database (github.com/RustSec) cannot be had here");
            return Ok(());
        }
    }
    command::run(&deny, &["--locked", "--offline", "check", "advisories"])
}

/// The date of the newest entry of cargo-deny's copy of the database, if there is one.
fn database_date() -> Option<String> {
    let home = std::env::var_os("CARGO_HOME").map_or_else(
        || std::env::home_dir().unwrap_or_default().join(".cargo"),
        std::path::PathBuf::from,
    );
    let copies = std::fs::read_dir(home.join("advisory-dbs")).ok()?;
    copies.flatten().find_map(|copy| {
        let folder = copy.path().to_string_lossy().into_owned();
        command::output("git", &["-C", &folder, "log", "-1", "--format=%cs"])
    })
}
