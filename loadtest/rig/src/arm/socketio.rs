//! The chats of `loadtest/peers`, as private processes on a Postgres and a Redis of their own: Socket.IO 4
//! for Node, and socketioxide. Both take the same environment and speak the same wire.
//!
//! They do what hubbub does for a message (a token checked at the door, one commit forced to the disk
//! before the ack, the ack before the event, a place without a gap) in one process for each node.
//! They do less beside it: who may join a room is not asked of a store, and nothing that is lost
//! on the way is repaired.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Command,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use hubbub_auth::{Minter, NewToken, Secret};
use hubbub_domain::{Clock as _, SystemClock, UserId};
use hubbub_testkit::{Postgres, Redis, free_port, process::Process};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use uuid::Uuid;

use super::{Arm, ArmKind};
use crate::{
    bench::Peers,
    wire::{self, Wire},
};

/// How long a node may take until it listens.
const START_PATIENCE: Duration = Duration::from_mins(1);
/// What a node prints when it listens.
const READY: &str = "ready\n";
/// Tokens outlive the longest run.
const TOKEN_LIFETIME: Duration = Duration::from_hours(2);
const SECRET: &str = "a secret that only the peers of the load rig share";

/// Nodes of a peer that share one database and one Redis. Everything ends when it is dropped.
pub(crate) struct SocketIo {
    kind: ArmKind,
    nodes: Vec<Node>,
    postgres: Postgres,
    redis: Redis,
    /// Kept until everything has ended.
    _scratch: TempDir,
}

struct Node {
    process: Process,
    address: SocketAddr,
}

impl SocketIo {
    /// Starts this many nodes with these settings. The peer must be among those that are built.
    pub(crate) async fn start(
        kind: ArmKind,
        peers: &Peers,
        nodes: usize,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let scratch = TempDir::with_prefix("hubbub-peer-")?;
        let (postgres, redis) = tokio::try_join!(Postgres::start_durable(), Redis::start())?;
        let database = postgres.database().await?;
        let (mut started, mut logs) = (Vec::new(), Vec::new());
        for number in 1..=nodes {
            let port = free_port();
            let mut command = program(kind, peers)?;
            command.env("PORT", port.to_string()).env("SECRET", SECRET);
            command.env("DATABASE_URL", &database).env("REDIS_URL", redis.url());
            command.envs(settings.iter().copied());
            let log = scratch.path().join(format!("{}-{number}.log", kind.name()));
            let process = Process::spawn(command, &log, Signal::SIGKILL, None)?;
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            started.push(Node { process, address });
            logs.push(log);
        }
        for (node, log) in started.iter_mut().zip(&logs) {
            // Its own word: trying to connect could find anything, even itself, on a port not yet taken.
            let ready = async || fs::read_to_string(log).is_ok_and(|log| log.contains(READY));
            node.process.wait_ready(START_PATIENCE, ready).await.context(kind.name())?;
        }
        Ok(Self { kind, nodes: started, postgres, redis, _scratch: scratch })
    }
}

fn program(kind: ArmKind, peers: &Peers) -> Result<Command> {
    let missing = || format!("{} is not built: `cargo xtask bench` builds it", kind.name());
    let mut command = match kind {
        ArmKind::SocketIoNode => {
            let folder: &Path = peers.socketio_node.as_deref().with_context(missing)?;
            let mut command = Command::new("node");
            command.arg(folder.join("server.js"));
            command
        }
        _ => Command::new(peers.socketioxide.as_deref().with_context(missing)?),
    };
    command.env("NODE_ENV", "production");
    Ok(command)
}

#[async_trait]
impl Arm for SocketIo {
    fn kind(&self) -> ArmKind {
        self.kind
    }

    fn wire(&self) -> Arc<dyn Wire> {
        Arc::new(wire::socketio::SocketIo { token })
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.address).collect()
    }

    fn server(&self) -> Vec<u32> {
        self.nodes.iter().map(|node| node.process.id()).collect()
    }

    fn stores(&self) -> Vec<(&'static str, u32)> {
        let postgres = self.postgres.pid().map(|pid| ("Postgres", pid));
        postgres.into_iter().chain(self.redis.pid().map(|pid| ("Redis", pid))).collect()
    }

    /// A room is there as soon as somebody joins it.
    async fn make_room(&self, _name: &str, _users: &[String]) -> Result<String> {
        Ok(Uuid::new_v4().to_string())
    }
}

fn token(user: &str) -> String {
    let minter = Minter::hs256(&Secret::new(SECRET), "hubbub", "hubbub").expect("long enough");
    let user = UserId::parse(user).expect("the rig's users have plain names");
    minter.mint(&NewToken::new(&user, SystemClock.now(), TOKEN_LIFETIME)).expect("signed")
}
