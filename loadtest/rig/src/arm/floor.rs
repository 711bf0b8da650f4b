//! The floor as a process of its own: this program again, as its hidden part (see [`crate::floor`]).

use std::{net::SocketAddr, process::Command, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use hubbub_testkit::{free_port, process::Process};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::{Arm, ArmKind};
use crate::wire::{Wire, bare::Bare};

const START_PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Floor {
    process: Process,
    address: SocketAddr,
    #[expect(dead_code, reason = "its value is its end")]
    scratch: TempDir,
}

impl Floor {
    pub(crate) async fn start() -> Result<Self> {
        let scratch = TempDir::with_prefix("hubbub-floor-")?;
        let port = free_port();
        let mut command =
            Command::new(std::env::current_exe().context("this program has no path")?);
        command.arg("floor").arg(port.to_string());
        let log = scratch.path().join("log");
        let mut process = Process::spawn(command, &log, Signal::SIGKILL, Some(scratch.path()))?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let ready = async || TcpStream::connect(address).await.is_ok();
        process.wait_ready(START_PATIENCE, ready).await.context("the floor")?;
        Ok(Self { process, address, scratch })
    }
}

#[async_trait]
impl Arm for Floor {
    fn kind(&self) -> ArmKind {
        ArmKind::Floor
    }

    fn wire(&self) -> Arc<dyn Wire> {
        Arc::new(Bare)
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.address]
    }

    fn server(&self) -> Vec<u32> {
        vec![self.process.id()]
    }

    fn stores(&self) -> Vec<(&'static str, u32)> {
        Vec::new()
    }

    /// Members name their rooms when they come.
    async fn make_room(&self, name: &str, _users: &[String]) -> Result<String> {
        Ok(name.to_owned())
    }
}
