//! The packages below `web/`: their dependencies, checks, builds and tests. Each has its own
//! `package.json` with the scripts `lint`, `build` and `test`; here is only in which order they run.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context as _, Result};

use crate::{
    command::{self, root},
    tools,
};

/// In order of dependency: a package may use what those before it have built.
const PACKAGES: [&str; 3] = ["sdk", "vue", "app"];
/// The client that the gateway serves.
const CLIENT: &str = "app";
/// What the client is made from.
const SOURCES: [&str; 7] = [
    "app/index.html",
    "app/package-lock.json",
    "app/public",
    "app/src",
    "app/tsconfig.json",
    "app/vite.config.ts",
    "sdk/src",
];

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

/// Every role in one process, with the client at `/` where it can be built.
pub(crate) fn run(rest: &[String]) -> Result<()> {
    let client = build_client().inspect_err(|error| {
        println!("the web client is not built: {error:#}");
        println!("starting without it; / says how to get it");
    });
    let client = client.ok().map(|folder| folder.to_string_lossy().into_owned());
    let setting = client.as_deref().map(|folder| ("HUBBUB_GATEWAY__WEB__FOLDER", folder));
    println!("building and starting hubbub (cold, on two cores: some ten minutes; then seconds)");
    let rest = rest.iter().map(String::as_str);
    let arguments: Vec<&str> = ["run", "--locked", "--"].into_iter().chain(rest).collect();
    command::run_with(command::cargo(), &arguments, setting.as_slice())
}

/// Builds the client when its sources are newer, and says where it is.
fn build_client() -> Result<PathBuf> {
    let built = folder(CLIENT).join("dist");
    let made = changed(&built.join("index.html"));
    let newest = SOURCES.iter().filter_map(|source| newest(&folder(source))).max();
    if made.is_none() || made < newest {
        install(CLIENT)?;
        println!("building the web client (some ten seconds)");
        script(CLIENT, "build")?;
    }
    Ok(built)
}

/// The locked dependencies, unless they are there.
fn install(package: &str) -> Result<()> {
    let node = tools::node::get()?;
    let locked =
        fs::read(folder(package).join("package-lock.json")).context("package-lock.json")?;
    // What was installed last, so that a second run needs no registry.
    let installed = folder(package).join("node_modules/.installed-lock");
    if fs::read(&installed).is_ok_and(|installed| installed == locked) {
        return Ok(());
    }
    println!("installing what web/{package} is built with (once; half a minute)");
    node.npm(&folder(package), &["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
    fs::write(installed, locked)?;
    Ok(())
}

fn script(package: &str, name: &str) -> Result<()> {
    tools::node::get()?.npm(&folder(package), &["run", "--silent", name])
}

fn folder(package: &str) -> PathBuf {
    root().join("web").join(package)
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|data| data.modified()).ok()
}

/// When a file, or anything in a folder, was changed last.
fn newest(path: &Path) -> Option<SystemTime> {
    let inside = fs::read_dir(path).into_iter().flatten().flatten();
    inside.filter_map(|entry| newest(&entry.path())).chain(changed(path)).max()
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::{SOURCES, folder, newest};

    #[test]
    fn what_the_client_is_made_from_is_there() {
        for source in SOURCES {
            assert!(folder(source).exists(), "{source}");
        }
    }

    #[test]
    fn a_change_deep_in_a_folder_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("a/b")).expect("made");
        let before = newest(folder.path()).expect("a time");
        let file = fs::File::create(folder.path().join("a/b/c")).expect("made");
        file.set_modified(before + Duration::from_secs(5)).expect("set");
        assert!(newest(folder.path()).expect("a time") > before);
    }
}
