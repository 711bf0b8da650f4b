//! Programs that the commands need beyond cargo: found, installed into `.tools/`, or (on Debian, with
//! the rights to) installed from its packages. Versions of what lands in `.tools/` are fixed here.

pub(crate) mod api_documents;
pub(crate) mod go;
pub(crate) mod kubernetes;
pub(crate) mod node;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::command::{self, root};

const DENY_VERSION: &str = "0.20.2";
const BUF_VERSION: &str = "1.75.0";
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// The folder for programs of this repository alone.
fn tools_folder() -> PathBuf {
    root().join(".tools")
}

/// cargo-deny, compiled once when it is not on the search path.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    let ours = tools_folder().join("bin/cargo-deny");
    let candidates = [Some(ours.clone()), command::find("cargo-deny")];
    let wanted = format!("cargo-deny {DENY_VERSION}");
    for found in candidates.into_iter().flatten() {
        if command::output(&found, &["--version"]).as_deref() == Some(&wanted) {
            return Ok(found);
        }
    }
    println!("installing cargo-deny {DENY_VERSION} into .tools/ (once; takes some minutes)");
    let version = format!("={DENY_VERSION}");
    let folder = tools_folder();
    let folder = folder.to_str().context("the repository's path is not UTF-8")?;
    // Unoptimised: it is compiled in a third of the time, and runs for a second.
    let install =
        ["install", "cargo-deny", "--locked", "--quiet", "--debug", "--version", &version];
    command::run(command::cargo(), &[&install[..], &["--root", folder]].concat())?;
    Ok(ours)
}

/// buf, from its npm package.
pub(crate) fn buf() -> Result<PathBuf> {
    let ours = tools_folder().join("node_modules/.bin/buf");
    if command::output(&ours, &["--version"]).as_deref() == Some(BUF_VERSION) {
        return Ok(ours);
    }
    npm("npm (it brings buf)")?;
    println!("installing buf {BUF_VERSION} into .tools/ (once)");
    fs::create_dir_all(tools_folder())?;
    let package = format!("@bufbuild/buf@{BUF_VERSION}");
    let install = ["install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"];
    command::run_in(
        &tools_folder(),
        "npm",
        &[&install[..], &["--prefix", ".", &package]].concat(),
    )?;
    Ok(ours)
}

/// Node with its npm.
pub(crate) fn npm(what: &str) -> Result<()> {
    if command::find("npm").is_some() && command::find("node").is_some() {
        return Ok(());
    }
    install_packages(&["nodejs", "npm"], what)
}

/// The Python of the example in examples/grpc, with its packages.
pub(crate) fn grpc_python() -> Result<()> {
    let wanted = fs::read_to_string(root().join("examples/grpc/python/requirements.txt"))?;
    let folder = tools_folder().join("grpc-python");
    // What was installed last, so that a second run needs no registry.
    let stamp = folder.join("requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if command::output("python3", &["-c", "import ensurepip, venv"]).is_none() {
        install_packages(&["python3", "python3-venv"], "Python 3 with venv")?;
    }
    println!("installing grpcio for Python into .tools/ (once)");
    let folder_text = folder.to_str().context("the repository's path is not UTF-8")?;
    command::run("python3", &["-m", "venv", "--clear", folder_text])?;
    let requirements = root().join("examples/grpc/python/requirements.txt");
    let requirements = requirements.to_str().context("the repository's path is not UTF-8")?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    command::run(folder.join("bin/python"), &[&install[..], &[requirements]].concat())?;
    fs::write(stamp, wanted)?;
    Ok(())
}

/// What fetches and unpacks archives.
fn archives() -> Result<()> {
    let missing: Vec<&str> =
        ["curl", "unzip"].into_iter().filter(|name| command::find(name).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    install_packages(&[&missing[..], &["ca-certificates"]].concat(), "curl and unzip")
}

/// Postgres and Redis, whose programs the tests start privately.
pub(crate) fn servers() -> Result<()> {
    let mut missing = Vec::new();
    if !has_postgres() {
        missing.push("postgresql");
    }
    if command::find("redis-server").is_none() && command::find("valkey-server").is_none() {
        missing.push("redis-server");
    }
    if missing.is_empty() {
        return Ok(());
    }
    install_packages(&missing, "Postgres 15 and Redis 7.0 or newer (the tests start their own)")
}

/// The stock clients of other languages that the tests of the Socket.IO door drive, in the versions
/// that `package-lock.json` and `requirements.txt` name, and a browser for the examples.
pub(crate) fn stock_clients() -> Result<()> {
    npm("npm (it brings the stock Socket.IO client)")?;
    let folder = root().join("services/hubbub/tests/stock");
    if is_older(&folder.join("node_modules/.package-lock.json"), &folder.join("package-lock.json"))
    {
        println!("installing the stock JavaScript clients (once)");
        command::run_in(&folder, "npm", &["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
    }
    let (python, wanted) = (folder.join(".venv/bin/python"), folder.join("requirements.txt"));
    let installed = folder.join(".venv/installed.txt");
    if is_older(&installed, &wanted) {
        println!("installing the stock Python client (once)");
        python_venv(&folder)?;
        command::run_in(
            &folder,
            &python,
            &["-m", "pip", "install", "--quiet", "-r", "requirements.txt"],
        )?;
        fs::copy(&wanted, &installed)?;
    }
    chromium()
}

/// A browser for the examples and the packages below `web/`.
pub(crate) fn chromium() -> Result<()> {
    if BROWSERS.iter().any(|browser| Path::new(browser).exists()) {
        return Ok(());
    }
    install_packages(&["chromium"], "Chromium (the tests open pages in it)")
}

/// Where `tests/stock/pages.mjs` looks.
const BROWSERS: [&str; 3] =
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// Python with a folder for packages of its own. Debian has what makes one in another package.
fn python_venv(folder: &Path) -> Result<()> {
    if command::output("python3", &["-c", "import ensurepip"]).is_none() {
        install_packages(&["python3-venv"], "Python 3 with venv (the tests drive its client)")?;
    }
    command::run_in(folder, "python3", &["-m", "venv", "--clear", ".venv"])
}

/// Whether `made` is not there, or was made before `source` was last changed.
fn is_older(made: &Path, source: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    match (changed(made), changed(source)) {
        (Some(made), Some(source)) => made < source,
        _ => true,
    }
}

/// On the search path, or where Debian keeps each version's programs.
fn has_postgres() -> bool {
    let by_version = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    command::find("initdb").is_some()
        || by_version.into_iter().any(|version| version.path().join("bin/initdb").is_file())
}

/// Installs Debian packages without letting their services start; elsewhere, says what is needed.
fn install_packages(packages: &[&str], what: &str) -> Result<()> {
    let names = packages.join(" ");
    if command::find("apt-get").is_none() {
        bail!("{what}: not found. Install it, then run this again (on Debian it is {names})");
    }
    let is_root = command::output("id", &["-u"]).as_deref() == Some("0");
    if !is_root && command::output("sudo", &["-n", "true"]).is_none() {
        bail!("{what}: not found. Run `sudo apt-get install {names}`, then run this again");
    }
    println!("installing {names} from the system's packages (services are not started)");
    let _kept_down = ServicesKeptDown::begin(is_root)?;
    as_root(is_root, &["apt-get", "update", "-qq"])?;
    let install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"];
    let environment = ["env", "DEBIAN_FRONTEND=noninteractive"];
    as_root(is_root, &[&environment[..], &install[..], packages].concat())
}

fn as_root(is_root: bool, words: &[&str]) -> Result<()> {
    let words = if is_root { words.to_vec() } else { [&["sudo", "-n"], words].concat() };
    command::run(words[0], &words[1..])
}

/// While this lives, packages that are installed do not start their services: Debian asks
/// `policy-rc.d` first, and 101 means "no". One that is there already is left alone.
struct ServicesKeptDown {
    is_root: bool,
    ours: bool,
}

impl ServicesKeptDown {
    fn begin(is_root: bool) -> Result<Self> {
        let ours = !Path::new(POLICY).exists();
        if ours {
            let write =
                format!("printf '#!/bin/sh\\nexit 101\\n' > {POLICY} && chmod 755 {POLICY}");
            as_root(is_root, &["sh", "-c", &write])?;
        }
        Ok(Self { is_root, ours })
    }
}

impl Drop for ServicesKeptDown {
    fn drop(&mut self) {
        if self.ours && as_root(self.is_root, &["rm", "-f", POLICY]).is_err() {
            eprintln!("xtask: please remove {POLICY}");
        }
    }
}

/// The components of the toolchain that linting needs.
pub(crate) fn rust_components() -> Result<()> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        let there = Command::new(command::cargo())
            .args([subcommand, "--version"])
            .output()
            .is_ok_and(|output| output.status.success());
        if !there {
            command::run("rustup", &["component", "add", component])?;
        }
    }
    Ok(())
}
