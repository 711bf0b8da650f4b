//! The packages below `web/`: their dependencies, checks, builds and tests. Each has its own
//! `package.json` with the scripts `lint`, `build` and `test`; here is only in which order they run.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use crate::{
    command::{self, root},
    tools,
};

/// In order of dependency: a package may use what those before it have built.
const PACKAGES: [&str; 1] = ["sdk"];

/// Everything that is checked without running it: types, lint, format, sizes.
pub(crate) fn lint() -> Result<()> {
    for package in PACKAGES {
        install(package)?;
        script(package, "build")?;
        script(package, "lint")?;
    }
    Ok(())
}

/// Installs and builds all packages.
pub(crate) fn build() -> Result<()> {
    for package in PACKAGES {
        install(package)?;
        script(package, "build")?;
    }
    Ok(())
}

/// The packages' own tests, against the debug binary that `cargo test` has built, and in Chromium.
pub(crate) fn test() -> Result<()> {
    tools::chromium()?;
    build()?;
    PACKAGES.into_iter().try_for_each(|package| script(package, "test"))
}

/// Formats what `lint` would otherwise complain about.
pub(crate) fn format() -> Result<()> {
    for package in PACKAGES {
        install(package)?;
        script(package, "format")?;
    }
    Ok(())
}

/// The locked dependencies, unless they are there.
fn install(package: &str) -> Result<()> {
    tools::npm("Node 20 or newer and npm (what is below web/ runs on them)")?;
    let locked =
        fs::read(folder(package).join("package-lock.json")).context("package-lock.json")?;
    // What was installed last, so that a second run needs no registry.
    let installed = folder(package).join("node_modules/.installed-lock");
    if fs::read(&installed).is_ok_and(|installed| installed == locked) {
        return Ok(());
    }
    let install = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
    command::run_in(&folder(package), "npm", &install)?;
    fs::write(installed, locked)?;
    Ok(())
}

fn script(package: &str, name: &str) -> Result<()> {
    command::run_in(&folder(package), "npm", &["run", "--silent", name])
}

fn folder(package: &str) -> PathBuf {
    root().join("web").join(package)
}
