//! k6 and what it is used for: one of its scenarios against a cluster that runs, and a rolling restart
//! of a cluster of its own (`loadtest/k6/README.md`).

use std::{fs, os::unix::process::CommandExt as _, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::{
    command::{self, root},
    tools,
};

/// One scenario; `rest` is for k6.
pub(crate) fn k6(rest: &[String]) -> Result<()> {
    let k6 = tools::go::k6()?;
    let Some((scenario, rest)) = rest.split_first() else {
        println!("{}\n{}", k6.display(), scenarios()?.join("\n"));
        return Ok(());
    };
    let script = folder().join("scenarios").join(format!("{scenario}.ts"));
    let failed = Command::new(&k6).args(["run", "--no-usage-report"]).args(rest).arg(script).exec();
    Err(failed).with_context(|| format!("cannot start {}", k6.display()))
}

/// Three gateways are replaced under load.
pub(crate) fn rolling_restart(rest: &[String]) -> Result<()> {
    tools::servers()?;
    tools::go::k6()?;
    command::build(&[], &["hubbub", "hubbub-rolling-restart"])?;
    let program = command::target_folder()?.join("debug/hubbub-rolling-restart");
    let failed = Command::new(&program).args(rest).exec();
    Err(failed).with_context(|| format!("cannot start {}", program.display()))
}

/// The scripts keep to the types of k6.
pub(crate) fn check_types() -> Result<()> {
    tools::npm("Node 18 or newer and npm (TypeScript runs on them)")?;
    let locked = fs::read(folder().join("package-lock.json")).context("package-lock.json")?;
    // What was installed last, so that a second run needs no registry.
    let installed = folder().join("node_modules/.installed-lock");
    if !fs::read(&installed).is_ok_and(|installed| installed == locked) {
        let install = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
        command::run_in(&folder(), "npm", &install)?;
        fs::write(installed, locked)?;
    }
    command::run_in(&folder(), "node_modules/.bin/tsc", &["--project", "tsconfig.json"])
}

fn folder() -> PathBuf {
    root().join("loadtest/k6")
}

fn scenarios() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder().join("scenarios"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".ts").map(|name| format!("  {name}")));
    }
    names.sort();
    Ok(names)
}
