//! The k6 scenarios of `loadtest/k6` against a running cluster, their checks, and a rolling restart of a cluster of its
//! own.
//!
//! k6 is licensed under the AGPL: these commands neither fetch nor build it. They use the k6 that the machine has.

use std::{fs, os::unix::process::CommandExt as _, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::{
    command::{self, root},
    tools,
};

/// Runs one scenario; `rest` goes to k6.
pub(crate) fn k6(rest: &[String]) -> Result<()> {
    let Some((scenario, rest)) = rest.split_first() else {
        println!("usage: make load SCENARIO=NAME; the scenarios are\n{}", scenarios()?.join("\n"));
        return Ok(());
    };
    let script = folder().join("scenarios").join(format!("{scenario}.ts"));
    if !script.is_file() {
        bail!("there is no scenario {scenario}; the scenarios are\n{}", scenarios()?.join("\n"));
    }
    let k6 = program()?;
    let failed = Command::new(&k6).args(["run", "--no-usage-report"]).args(rest).arg(script).exec();
    Err(failed).with_context(|| format!("cannot start {}", k6.display()))
}

/// The k6 of this machine.
fn program() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("K6_BIN").filter(|name| !name.is_empty()) {
        let named = PathBuf::from(named);
        if !named.is_file() {
            bail!("K6_BIN={}: there is no such file", named.display());
        }
        return Ok(named);
    }
    command::find("k6").context(
        "k6 is not on the PATH, and K6_BIN does not name it. Install k6 2.x as its documentation says \
         (https://grafana.com/docs/k6/latest/set-up/install-k6/), then run this again",
    )
}

/// Replaces three gateways under load and judges what the clients saw.
pub(crate) fn rolling_restart(rest: &[String]) -> Result<()> {
    tools::servers()?;
    command::build(&[], &["hubbub", "hubbub-rolling-restart"])?;
    let program = command::target_folder()?.join("debug/hubbub-rolling-restart");
    let failed = Command::new(&program).args(rest).exec();
    Err(failed).with_context(|| format!("cannot start {}", program.display()))
}

/// Checks the types of the scenarios (against k6's) and of the harness (against Node's).
pub(crate) fn check_types() -> Result<()> {
    packages()?;
    for project in ["tsconfig.json", "harness/tsconfig.json"] {
        command::run_in(&folder(), "node_modules/.bin/tsc", &["--project", project])?;
    }
    Ok(())
}

/// Installs the packages of the harness and of the type check, from the lock file.
pub(crate) fn packages() -> Result<()> {
    tools::npm("Node 20 or newer and npm (the k6 scenarios are tested on Node)")?;
    let locked = fs::read(folder().join("package-lock.json")).context("package-lock.json")?;
    // The lock file of the last installation, so that a second run needs no registry.
    let installed = folder().join("node_modules/.installed-lock");
    if !fs::read(&installed).is_ok_and(|installed| installed == locked) {
        let install = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
        command::run_in(&folder(), "npm", &install)?;
        fs::write(installed, locked)?;
    }
    Ok(())
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
