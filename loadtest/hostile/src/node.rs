//! The process under attack, and its resident memory.

use std::{fs, net::SocketAddr, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result};
use hubbub_testkit::{SECRET, free_port, process::Process};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::{net::TcpStream, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::target::Target;

const START_PATIENCE: Duration = Duration::from_mins(1);
/// How long memory may take to come down after an attack.
const SETTLE_TIME: Duration = Duration::from_mins(1);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// A standalone process with the settings it comes with.
pub(crate) struct Node {
    process: Process,
    pub(crate) target: Target,
    _data: TempDir,
}

impl Node {
    pub(crate) async fn start(hubbub: &Path) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut command = Command::new(hubbub);
        command.arg("standalone").env_clear().current_dir(data.path()).envs([
            ("HUBBUB_GATEWAY__EDGE__LISTEN", &*address.to_string()),
            ("HUBBUB_ADMIN__LISTEN", ""),
            ("HUBBUB_AUTH__SECRET", SECRET),
            ("RUST_LOG", "warn"),
        ]);
        let log = data.path().join("log");
        let mut process = Process::spawn(command, &log, Signal::SIGKILL, Some(data.path()))?;
        let listens = async || TcpStream::connect(address).await.is_ok();
        process.wait_ready(START_PATIENCE, listens).await?;
        Ok(Self { process, target: Target(address), _data: data })
    }

    /// Bytes of memory that are really there.
    pub(crate) fn resident(&self) -> Result<u64> {
        resident(self.process.id())
    }

    /// Waits until the memory is down to one and a half times what it was.
    pub(crate) async fn settles_to(&self, before: u64) -> Result<()> {
        let settled = async {
            while self.resident()? > before + before / 2 {
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
            Ok(())
        };
        tokio::time::timeout(SETTLE_TIME, settled).await.unwrap_or_else(|_elapsed| {
            anyhow::bail!("a minute after the attack memory is more than 1.5 times what it was")
        })
    }

    /// Looks at the memory until the end of the watch.
    pub(crate) fn watch(&self) -> Watch {
        let (process, end) = (self.process.id(), CancellationToken::new());
        let ended = end.clone();
        let looking = tokio::spawn(async move {
            let mut peak = 0;
            while ended.run_until_cancelled(tokio::time::sleep(LOOK_INTERVAL)).await.is_some() {
                peak = peak.max(resident(process).unwrap_or(0));
            }
            peak
        });
        Watch { end, looking }
    }
}

pub(crate) struct Watch {
    end: CancellationToken,
    looking: JoinHandle<u64>,
}

impl Watch {
    /// The most that was seen.
    pub(crate) async fn end(self) -> u64 {
        self.end.cancel();
        self.looking.await.unwrap_or(0)
    }
}

fn resident(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("the node died")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Ok(kilobytes.context("the node died")? * 1024)
}
