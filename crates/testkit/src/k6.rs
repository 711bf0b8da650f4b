//! Runs of the scenarios in `loadtest/k6`: under the small harness on Node that lies beside them, or under a k6
//! that the machine has.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{SECRET, process::Process};

const POLL: Duration = Duration::from_millis(50);

/// The program that runs a scenario.
#[derive(Clone, Debug)]
pub enum K6Runner {
    /// `loadtest/k6/harness`, on Node: the part of k6's API that the scenarios use.
    Harness,
    /// k6 itself.
    K6(PathBuf),
}

impl K6Runner {
    /// The k6 of this machine: the program that `K6_BIN` names, else `k6` on the search path. The project neither
    /// fetches nor builds it.
    pub fn installed() -> Option<Self> {
        let named = std::env::var_os("K6_BIN").filter(|name| !name.is_empty()).map(PathBuf::from);
        named.or_else(|| find("k6")).map(Self::K6)
    }

    fn command(&self, script: &Path, folder: &Path) -> Result<Command> {
        match self {
            Self::Harness => {
                let node = find("node").context("Node 20 or newer is not on the search path")?;
                ensure!(
                    folder.join("node_modules/@swc").is_dir(),
                    "the packages of loadtest/k6 are missing: run `npm ci` there, or `cargo xtask test`"
                );
                let mut command = Command::new(node);
                command.arg(folder.join("harness/run.mjs"));
                Ok(command)
            }
            Self::K6(program) => {
                let mut command = Command::new(program);
                let quiet = ["--no-usage-report", "--quiet", "--no-color"];
                command.arg("run").args(quiet).args(["--address", "127.0.0.1:0"]);
                Ok(command)
            }
        }
        .map(|mut command: Command| {
            command.arg(script);
            command
        })
    }
}

/// A scenario that runs. The process ends when this is dropped.
pub struct K6 {
    process: Process,
    scratch: TempDir,
}

/// The end of a run.
#[derive(Debug)]
pub struct K6Outcome {
    /// Every threshold held.
    pub passed: bool,
    /// Standard output and standard error.
    pub output: String,
}

impl K6 {
    /// Starts a scenario by its name. `settings` (`CLIENTS` and the like) come on top of the secret of the kit's
    /// clusters.
    pub fn start(runner: &K6Runner, scenario: &str, settings: &[(&str, String)]) -> Result<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../loadtest/k6");
        let script = folder.join("scenarios").join(format!("{scenario}.ts"));
        ensure!(script.is_file(), "there is no scenario {scenario}");
        let scratch = tempfile::Builder::new().prefix("hubbub-k6-").tempdir()?;
        let mut command = runner.command(&script, &folder)?;
        command
            .current_dir(scratch.path())
            .env_clear()
            .env("HOME", scratch.path())
            .env("REPORT_DIR", scratch.path())
            .env("HUBBUB_SECRET", SECRET)
            .envs(settings.iter().map(|(name, value)| (*name, value.as_str())));
        let process =
            Process::spawn(command, &log(&scratch), Signal::SIGKILL, Some(scratch.path()))?;
        Ok(Self { process, scratch })
    }

    /// Waits for the end.
    pub async fn finish(mut self, patience: Duration) -> Result<K6Outcome> {
        let end = Instant::now() + patience;
        let status = loop {
            if let Some(status) = self.process.ended() {
                break status;
            }
            if Instant::now() > end {
                bail!("the scenario did not end within {patience:?}: {}", self.process.log_end());
            }
            sleep(POLL).await;
        };
        let output = std::fs::read_to_string(log(&self.scratch))?;
        Ok(K6Outcome { passed: status.success(), output })
    }
}

fn log(scratch: &TempDir) -> PathBuf {
    scratch.path().join("output.log")
}

/// A program on the search path.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
