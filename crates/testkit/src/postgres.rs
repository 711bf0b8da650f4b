//! A private Postgres: its own data directory, its own port, as many databases as tests ask for.

use std::{
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use nix::{
    sys::signal::Signal,
    unistd::{User, geteuid},
};
use parking_lot::Mutex;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;

use crate::{binary, free_port, process::Process};

pub mod promoted;
mod replicated;
mod trouble;

pub use replicated::{Ending, Failover, Replicated, Replication};
pub use trouble::{CommitsHeld, SlotsTaken, TablesLocked};

const READY_WITHIN: Duration = Duration::from_mins(1);
const STARTS_MAX: u32 = 20;

/// A running Postgres. The superuser is `postgres`, without a password.
pub struct Postgres {
    process: Mutex<Option<Process>>,
    /// Processes of a server that was halted; they have to be ended one by one.
    halted: Mutex<Vec<u32>>,
    port: u16,
    fsync: Fsync,
    databases: AtomicU32,
    scratch: TempDir,
}

#[derive(Clone, Copy)]
enum Fsync {
    On,
    Off,
}

impl Postgres {
    /// For plain suites: commits are synchronous, but the disk is not forced (`fsync=off`), which
    /// survives a crash of Postgres, not one of the machine.
    pub async fn start() -> Result<Self> {
        Self::start_with(Fsync::Off).await
    }

    /// For fault tests and measurements: every commit is forced to the disk.
    pub async fn start_durable() -> Result<Self> {
        Self::start_with(Fsync::On).await
    }

    async fn start_with(fsync: Fsync) -> Result<Self> {
        let scratch = TempDir::with_prefix("hubbub-postgres-")?;
        if let Some(user) = server_user()? {
            chown(scratch.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        init(scratch.path()).await?;
        let (process, port) = launch_on_free_port(scratch.path(), fsync).await?;
        Ok(Self::running(scratch, (process, port), fsync))
    }

    fn running(scratch: TempDir, (process, port): (Process, u16), fsync: Fsync) -> Self {
        let process = Mutex::new(Some(process));
        let halted = Mutex::default();
        Self { process, halted, port, fsync, databases: AtomicU32::new(0), scratch }
    }

    /// A hot standby of a server that is reached over `port`, made from a base backup.
    async fn standby_of(port: u16, fsync: Fsync) -> Result<Self> {
        let scratch = TempDir::with_prefix("hubbub-standby-")?;
        if let Some(user) = server_user()? {
            chown(scratch.path(), Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
        let mut command = server_command("pg_basebackup", scratch.path())?;
        let primary = format!("host=127.0.0.1 port={port} user=postgres application_name=standby");
        command.args(["--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf"]);
        command.args(["--no-sync", "-d", &primary, "-D"]).arg(data(scratch.path()));
        let output =
            tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output()).await??;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "pg_basebackup ended with {}: {error}", output.status);
        let started = launch_on_free_port(scratch.path(), fsync).await?;
        Ok(Self::running(scratch, started, fsync))
    }

    /// The address of the database `postgres`, which exists from the start.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes an empty database and returns its address.
    pub async fn database(&self) -> Result<String> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&self.url()).await?;
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
        connection.close().await?;
        Ok(self.url_of(&name))
    }

    /// The server's process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.lock().as_ref().map(Process::id)
    }

    /// Everything the server has logged.
    pub fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&std::fs::read(log(self.scratch.path()))?).into_owned())
    }

    /// Ends the server as an administrator would: connections are cut, what is committed is kept.
    pub async fn stop(&self) {
        self.end(Signal::SIGINT).await;
    }

    /// Ends the server with `kill -9`.
    pub async fn crash(&self) {
        self.end(Signal::SIGKILL).await;
    }

    /// Starts a stopped or crashed server on the same port and data.
    pub async fn start_again(&self) -> Result<()> {
        ensure!(self.pid().is_none(), "Postgres runs already");
        let mut start = 0;
        let process = loop {
            // After a crash the backends need a moment to go, and hold the shared memory until then.
            start += 1;
            match launch(self.scratch.path(), self.port, self.fsync).await {
                Err(_) if start < STARTS_MAX => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                result => break result?,
            }
        };
        *self.process.lock() = Some(process);
        Ok(())
    }

    /// Stops and starts the server on the same port and data.
    pub async fn restart(&self) -> Result<()> {
        self.stop().await;
        self.start_again().await
    }

    /// Stops all server processes' master for a while: connections hang, new ones too.
    pub async fn pause(&self, duration: Duration) {
        if let Some(id) = self.pid() {
            crate::process::pause(id, duration).await;
        }
    }

    /// Stops the server's every process for good: it hangs until it is ended.
    fn halt(&self) {
        if let Some(id) = self.pid() {
            *self.halted.lock() = crate::process::halt(id);
        }
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    async fn end(&self, signal: Signal) {
        let process = self.process.lock().take();
        if let Some(mut process) = process {
            process.end(signal).await;
        }
        self.end_halted();
    }

    fn end_halted(&self) {
        crate::process::kill_all(&std::mem::take(&mut *self.halted.lock()));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.end_halted();
    }
}

/// Postgres refuses to run as root; then it runs as Debian's `postgres`, or as nobody.
fn server_user() -> Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let user = User::from_name("postgres")?.or(User::from_name("nobody")?);
    Ok(Some(user.context("neither a user postgres nor nobody to run Postgres as")?))
}

fn server_command(program: &str, scratch: &Path) -> Result<Command> {
    let binary = binary::find(&[program], &binary::postgres_folders(), "postgresql")?;
    let mut command = Command::new(binary);
    command.current_dir(scratch).env("LC_ALL", "C");
    if let Some(user) = server_user()? {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    Ok(command)
}

async fn init(scratch: &Path) -> Result<()> {
    let mut command = server_command("initdb", scratch)?;
    command.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"]);
    command.args(["--locale=C", "-D"]).arg(data(scratch)).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "initdb ended with {}: {error}", output.status);
    Ok(())
}

async fn launch_on_free_port(scratch: &Path, fsync: Fsync) -> Result<(Process, u16)> {
    let port = free_port();
    if let Ok(process) = launch(scratch, port, fsync).await {
        return Ok((process, port));
    }
    // Somebody else took the port in between.
    let port = free_port();
    Ok((launch(scratch, port, fsync).await?, port))
}

async fn launch(scratch: &Path, port: u16, fsync: Fsync) -> Result<Process> {
    let mut command = server_command("postgres", scratch)?;
    command.arg("-D").arg(data(scratch)).arg("-k").arg("").args(["-h", "127.0.0.1"]);
    command.args(["-p", &port.to_string(), "-c", "max_connections=200"]);
    if matches!(fsync, Fsync::Off) {
        command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
    }
    // SIGQUIT ends at once, yet frees the shared memory that SIGKILL would leave behind.
    let log = log(scratch);
    let mut process = Process::spawn(command, &log, Signal::SIGQUIT, Some(scratch))?;
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let ready = async || match PgConnection::connect(&url).await {
        Ok(connection) => connection.close().await.is_ok(),
        Err(_) => false,
    };
    process.wait_ready(READY_WITHIN, ready).await.context("Postgres")?;
    Ok(process)
}

fn log(scratch: &Path) -> PathBuf {
    scratch.join("log")
}

fn data(scratch: &Path) -> PathBuf {
    scratch.join("data")
}
