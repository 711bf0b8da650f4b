//! One process of a cluster: started, stopped, killed and asked.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;

use super::{Admin, sample};
use crate::process::Process;

/// How long a process may take to be ready.
const START_PATIENCE: Duration = Duration::from_mins(1);

/// One process of a cluster.
pub struct Node {
    pub(super) name: String,
    pub(super) command: NodeCommand,
    /// What the role serves: clients, or gRPC.
    pub(super) port: u16,
    pub(super) admin: Admin,
    pub(super) process: Option<Process>,
}

pub(super) struct NodeCommand {
    pub(super) binary: PathBuf,
    pub(super) role: &'static str,
    pub(super) settings: Vec<(String, String)>,
    pub(super) log: PathBuf,
}

/// The setting of a gateway's listener for other gateways.
pub(super) const INTERNAL_LISTEN: &str = "HUBBUB_GATEWAY__INTERNAL__LISTEN";

impl Node {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the role serves.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where a gateway serves the other gateways.
    pub fn internal_address(&self) -> String {
        let listen = |setting: &&(String, String)| setting.0 == INTERNAL_LISTEN;
        let (_, address) = self.command.settings.iter().rfind(listen).expect("a gateway");
        address.clone()
    }

    /// Where a gateway takes clients.
    pub fn client_url(&self) -> String {
        format!("ws://{}", self.address())
    }

    /// The process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// What it is started from the next time: another version, for a rolling update.
    pub fn set_binary(&mut self, binary: &Path) {
        binary.clone_into(&mut self.command.binary);
    }

    /// Everything the process has logged.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(&self.command.log)?)
    }

    /// `kill -9`: no word of goodbye.
    pub async fn kill(&mut self) {
        self.end(Signal::SIGKILL).await;
    }

    /// SIGTERM, and waits until it has drained.
    pub async fn stop(&mut self) {
        self.end(Signal::SIGTERM).await;
    }

    /// SIGTERM, and waits until it has drained; an error when that takes longer than it may.
    pub async fn stop_within(&mut self, grace: Duration) -> Result<()> {
        let Some(process) = &mut self.process else { return Ok(()) };
        process.signal(Signal::SIGTERM);
        let ended = process.wait_ended(grace).await;
        self.process = None;
        ended.with_context(|| self.name.clone())
    }

    async fn end(&mut self, signal: Signal) {
        if let Some(mut process) = self.process.take() {
            process.end(signal).await;
        }
    }

    /// Starts it on its old port, and waits until it is ready.
    pub async fn start_again(&mut self) -> Result<()> {
        self.spawn()?;
        self.wait_ready().await
    }

    /// Stops it for a while, without ending it.
    pub async fn pause(&self, duration: Duration) {
        if let Some(pid) = self.pid() {
            crate::process::pause(pid, duration).await;
        }
    }

    /// Its admin listener, which can be asked while the node itself is being broken.
    pub const fn admin(&self) -> Admin {
        self.admin
    }

    /// A page of the admin listener.
    pub async fn page(&self, path: &str) -> Result<(u16, String)> {
        self.admin.page(path).await
    }

    /// A sample of `/metrics`, summed over its labels; 0 when there is none.
    pub async fn metric(&self, name: &str) -> Result<f64> {
        let (_, page) = self.page("/metrics").await?;
        Ok(sample(&page, name))
    }

    pub(super) fn spawn(&mut self) -> Result<()> {
        let NodeCommand { binary, role, settings, log } = &self.command;
        let mut command = Command::new(binary);
        command.arg(role).env_clear().envs(settings.iter().cloned());
        command.current_dir(log.parent().context("a directory")?);
        self.process = Some(Process::spawn(command, log, Signal::SIGKILL, None)?);
        Ok(())
    }

    pub(super) async fn wait_ready(&mut self) -> Result<()> {
        let admin = self.admin;
        let process = self.process.as_mut().context("it was not started")?;
        let ready = async || matches!(admin.page("/readyz").await, Ok((200, _)));
        process.wait_ready(START_PATIENCE, ready).await.with_context(|| self.name.clone())
    }
}
