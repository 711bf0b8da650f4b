//! Scenarios of `loadtest/k6`, run by the real k6.

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

/// A run of a scenario. It ends when it is dropped.
pub struct K6 {
    process: Process,
    scratch: TempDir,
}

/// What a run came to.
#[derive(Debug)]
pub struct K6Outcome {
    /// Every threshold held.
    pub passed: bool,
    /// What it printed.
    pub output: String,
}

impl K6 {
    /// Starts a scenario by its name, with its settings (`CLIENTS` and the like) over those for a
    /// cluster of the kit. `cargo xtask test` and `cargo xtask k6` install k6.
    pub fn start(scenario: &str, settings: &[(&str, String)]) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let program = program(&root)?;
        let script = root.join("loadtest/k6/scenarios").join(format!("{scenario}.ts"));
        ensure!(script.is_file(), "there is no scenario {scenario}");
        let scratch = tempfile::Builder::new().prefix("hubbub-k6-").tempdir()?;
        let mut command = Command::new(program);
        command
            .args(["run", "--no-usage-report", "--quiet", "--no-color", "--address", "127.0.0.1:0"])
            .arg(script)
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
                bail!("k6 did not end within {patience:?}: {}", self.process.log_end());
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

/// The repository's own k6, which is of the version that the scripts were checked for.
fn program(root: &Path) -> Result<PathBuf> {
    let ours = root.join(".tools/bin/k6");
    ours.is_file().then_some(ours).context("k6 is not in .tools/bin: `cargo xtask k6` builds it")
}
