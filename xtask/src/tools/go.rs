//! Programs written in Go, built from their modules into `.tools/bin`: a folder of `xtask/go` each, whose
//! `go.mod` and `go.sum` fix every source. A second run needs no network.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use super::tools_folder;
use crate::command::{self, root};

/// What is taken where there is no Go: the toolchain as the module proxy has it.
const GO_VERSION: &str = "1.26.8";
const GO_SHA256: &str = "30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7";
/// The oldest that builds what is in `xtask/go`.
const GO_MINOR_MIN: u32 = 26;

/// grpcurl, with which the calls of docs/grpc.md are tried.
pub(crate) fn grpcurl() -> Result<PathBuf> {
    program("grpcurl", "github.com/fullstorydev/grpcurl/cmd/grpcurl", "a minute or two")
}

/// helm, which renders the chart.
pub(crate) fn helm() -> Result<PathBuf> {
    program("helm", "helm.sh/helm/v4/cmd/helm", "two to five minutes")
}

/// kubeconform, which compares manifests with schemas.
pub(crate) fn kubeconform() -> Result<PathBuf> {
    program("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", "half a minute")
}

/// The loader inside of docker compose, which needs no engine.
pub(crate) fn compose() -> Result<PathBuf> {
    program("compose", "github.com/compose-spec/compose-go/v2/cmd", "half a minute")
}

/// What `go` says in a module.
pub(crate) fn answer(module: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(go()?)
        .args(arguments)
        .current_dir(module)
        .env("GOTOOLCHAIN", "local")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start go")?;
    if !output.status.success() {
        bail!("`go {}` failed ({})", arguments.join(" "), output.status);
    }
    String::from_utf8(output.stdout).context("go does not speak UTF-8")
}

fn program(name: &str, package: &str, takes: &str) -> Result<PathBuf> {
    let folder = root().join("xtask/go").join(name);
    let wanted =
        fs::read_to_string(folder.join("go.mod"))? + &fs::read_to_string(folder.join("go.sum"))?;
    let program = tools_folder().join("bin").join(name);
    // What it was built from the last time.
    let stamp = tools_folder().join("bin").join(format!("{name}.sources"));
    if program.is_file() && fs::read_to_string(&stamp).is_ok_and(|built| built == wanted) {
        return Ok(program);
    }
    println!("building {name} into .tools/ (once; takes {takes})");
    let output = program.to_str().context("the repository's path is not UTF-8")?;
    let built = Command::new(go()?)
        .args(["build", "-trimpath", "-o", output, package])
        .current_dir(&folder)
        // Not another toolchain than the one that was found, and no C compiler.
        .envs([("GOTOOLCHAIN", "local"), ("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=readonly")])
        .status()
        .context("cannot start go")?;
    if !built.success() {
        bail!("building {name} failed ({built}); sources come from the Go module proxy (GOPROXY)");
    }
    fs::write(stamp, wanted)?;
    Ok(program)
}

/// A Go that is new enough: on the search path, where its installer puts it, or our own.
fn go() -> Result<PathBuf> {
    let ours = tools_folder().join("go/bin/go");
    let found = [command::find("go"), Some("/usr/local/go/bin/go".into()), Some(ours.clone())];
    if let Some(go) = found.into_iter().flatten().find(is_new_enough) {
        return Ok(go);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("Go 1.{GO_MINOR_MIN} or newer: not found. Install it, then run this again");
    }
    super::archives()?;
    println!("installing Go {GO_VERSION} into .tools/ (once)");
    let name = format!("v0.0.1-go{GO_VERSION}.linux-amd64");
    let zip = tools_folder().join("go.zip");
    let zip_text = zip.to_str().context("the repository's path is not UTF-8")?;
    fs::create_dir_all(tools_folder())?;
    let address = format!("{}/golang.org/toolchain/@v/{name}.zip", proxy());
    command::run("curl", &["-fsSL", "--retry", "3", "-o", zip_text, &address])?;
    let sum = command::output("sha256sum", &[zip_text]).unwrap_or_default();
    if !sum.starts_with(GO_SHA256) {
        bail!("{address} is not what it was: {sum}");
    }
    command::run_in(&tools_folder(), "unzip", &["-q", "-o", zip_text])?;
    let unpacked = tools_folder().join(format!("golang.org/toolchain@{name}"));
    let folder = tools_folder().join("go");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::rename(unpacked, &folder)?;
    fs::remove_file(zip)?;
    // The archive says nothing of what may be executed.
    command::run_in(&folder, "chmod", &["-R", "a+x", "bin", "pkg/tool"])?;
    Ok(ours)
}

/// `go version go1.26.8 linux/amd64`
fn is_new_enough(go: &PathBuf) -> bool {
    let version = command::output(go, &["version"]).unwrap_or_default();
    minor(&version).is_some_and(|minor| minor >= GO_MINOR_MIN)
}

fn minor(version: &str) -> Option<u32> {
    let digits = version.split("go1.").nth(1)?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// The first proxy of GOPROXY that is an address.
fn proxy() -> String {
    let told = std::env::var_os("GOPROXY").unwrap_or_default();
    let told = told.to_string_lossy();
    let first = told.split([',', '|']).find(|word| word.starts_with("http"));
    first.unwrap_or("https://proxy.golang.org").trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::minor;

    #[test]
    fn versions_are_read() {
        assert_eq!(minor("go version go1.26.8 linux/amd64"), Some(26));
        assert_eq!(minor("go version go1.25 linux/amd64"), Some(25));
        assert_eq!(minor("go version go1.24rc1 linux/amd64"), Some(24));
        assert_eq!(minor("gccgo 13"), None);
    }
}
