//! A private Redis (or Valkey): nothing is kept on disk, so a restart is an empty one.

use std::{collections::BTreeMap, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use parking_lot::Mutex;
use redis::{AsyncConnectionConfig, aio::MultiplexedConnection};
use tempfile::TempDir;

use crate::{binary, free_port, process::Process};

const READY_WITHIN: Duration = Duration::from_secs(30);

/// A running Redis.
pub struct Redis {
    process: Mutex<Option<Process>>,
    port: u16,
    arguments: Vec<String>,
    password: Option<String>,
    scratch: TempDir,
}

/// Whose connections [`Redis::kill_clients`] cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// Those that have subscribed to something.
    PubSub,
    /// All the others.
    Normal,
}

impl Redis {
    /// A standalone server that anybody on this machine may use.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[], None).await
    }

    /// A standalone server whose default user needs this password.
    pub async fn start_with_password(password: &str) -> Result<Self> {
        Self::start_with(&["--requirepass", password], Some(password)).await
    }

    /// A standalone server with further arguments, as `redis-server` takes them (`--name value`).
    pub async fn start_with_arguments(arguments: &[&str]) -> Result<Self> {
        Self::start_with(arguments, None).await
    }

    async fn start_with(arguments: &[&str], password: Option<&str>) -> Result<Self> {
        let arguments = || arguments.iter().map(ToString::to_string).collect();
        match Self::start_on(free_port(), arguments(), password).await {
            Ok(redis) => Ok(redis),
            // Somebody else may have taken the port in between.
            Err(_) => Self::start_on(free_port(), arguments(), password).await,
        }
    }

    pub(crate) async fn start_on(
        port: u16,
        arguments: Vec<String>,
        password: Option<&str>,
    ) -> Result<Self> {
        let scratch = TempDir::with_prefix("hubbub-redis-")?;
        let password = password.map(ToOwned::to_owned);
        let redis = Self { process: Mutex::new(None), port, arguments, password, scratch };
        redis.start_again().await?;
        Ok(redis)
    }

    /// The address, with the password if there is one.
    pub fn url(&self) -> String {
        match &self.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{}", self.port),
            None => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.lock().as_ref().map(Process::id)
    }

    /// A new connection, for looking into the server or breaking it.
    pub async fn connection(&self) -> Result<MultiplexedConnection> {
        let client = redis::Client::open(self.url())?;
        // The client's own patience of a second is too short for a busy machine.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(READY_WITHIN))
            .set_response_timeout(Some(READY_WITHIN));
        Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
    }

    /// Ends the server with `kill -9`.
    pub async fn stop(&self) {
        let process = self.process.lock().take();
        if let Some(mut process) = process {
            process.end(Signal::SIGKILL).await;
        }
    }

    /// Starts a stopped server on the same port, empty.
    pub async fn start_again(&self) -> Result<()> {
        ensure!(self.pid().is_none(), "Redis runs already");
        let command = server_command(self.port, self.scratch.path(), &self.arguments)?;
        let log = self.scratch.path().join("log");
        let mut process =
            Process::spawn(command, &log, Signal::SIGKILL, Some(self.scratch.path()))?;
        let ready = async || match self.connection().await {
            Ok(mut connection) => redis::cmd("PING").exec_async(&mut connection).await.is_ok(),
            Err(_) => false,
        };
        process.wait_ready(READY_WITHIN, ready).await.context("Redis")?;
        *self.process.lock() = Some(process);
        Ok(())
    }

    /// Every key, and the names in it: members of a set, fields of a hash.
    pub async fn names(&self) -> Result<Vec<(String, Vec<String>)>> {
        let mut connection = self.connection().await?;
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await?;
        let mut all = Vec::new();
        for key in keys {
            let mut ask = async |command: &mut redis::Cmd| {
                command.query_async::<Vec<String>>(&mut connection).await
            };
            // A key of another type, or one that is gone meanwhile, has none.
            let mut names = ask(redis::cmd("HKEYS").arg(&key)).await.unwrap_or_default();
            let ranked = ask(redis::cmd("ZRANGE").arg(&key).arg(0).arg(-1)).await;
            names.extend(ranked.unwrap_or_default());
            all.push((key, names));
        }
        Ok(all)
    }

    /// Kills the server and starts it on the same port; everything in it is gone.
    pub async fn restart_empty(&self) -> Result<()> {
        self.stop().await;
        self.start_again().await
    }

    /// Stops the server for a while: its connections hang, new ones are accepted and hang too.
    pub async fn pause(&self, duration: Duration) {
        if let Some(id) = self.pid() {
            crate::process::pause(id, duration).await;
        }
    }

    /// Cuts all connections of a kind except the caller's own; returns how many there were.
    pub async fn kill_clients(&self, kind: ClientKind) -> Result<u64> {
        let kind = match kind {
            ClientKind::PubSub => "pubsub",
            ClientKind::Normal => "normal",
        };
        let mut connection = self.connection().await?;
        let mut command = redis::cmd("CLIENT");
        command.arg("KILL").arg("TYPE").arg(kind).arg("SKIPME").arg("yes");
        Ok(command.query_async(&mut connection).await?)
    }

    /// Sets a configuration parameter of the running server; a restart forgets it.
    pub async fn configure(&self, name: &str, value: &str) -> Result<()> {
        let mut connection = self.connection().await?;
        let mut command = redis::cmd("CONFIG");
        Ok(command.arg("SET").arg(name).arg(value).exec_async(&mut connection).await?)
    }

    /// How often the server has read from its clients: a pipeline is read at once. Asking counts too.
    pub async fn reads(&self) -> Result<usize> {
        let mut connection = self.connection().await?;
        let stats: String = redis::cmd("INFO").arg("stats").query_async(&mut connection).await?;
        let reads = stats.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
        Ok(reads.context("no statistics of reads")?.trim().parse()?)
    }

    /// Each subscriber's connection, by its id, and its sharded subscriptions.
    pub async fn subscribers(&self) -> Result<BTreeMap<u64, u64>> {
        let mut connection = self.connection().await?;
        let mut command = redis::cmd("CLIENT");
        command.arg("LIST").arg("TYPE").arg("pubsub");
        let list: String = command.query_async(&mut connection).await?;
        let field = |line: &str, name: &str| {
            line.split(' ').find_map(|field| field.strip_prefix(name)?.parse::<u64>().ok())
        };
        Ok(list.lines().filter_map(|it| Some((field(it, "id=")?, field(it, "ssub=")?))).collect())
    }

    /// The sharded channels that somebody is subscribed to on this server.
    pub async fn shard_channels(&self) -> Result<Vec<String>> {
        let mut connection = self.connection().await?;
        Ok(redis::cmd("PUBSUB").arg("SHARDCHANNELS").query_async(&mut connection).await?)
    }
}

fn server_command(port: u16, scratch: &Path, arguments: &[String]) -> Result<Command> {
    let binary = binary::find(&["redis-server", "valkey-server"], &[], "redis-server")?;
    let mut command = Command::new(binary);
    command.current_dir(scratch).args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
    command.args(["--save", "", "--appendonly", "no", "--daemonize", "no"]);
    command.arg("--dir").arg(scratch).args(arguments);
    Ok(command)
}
