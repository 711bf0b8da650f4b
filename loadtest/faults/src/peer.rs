//! The same faults on the stack that people use today, for scale: Socket.IO on Node, two nodes with the
//! Redis adapter and Postgres (`loadtest/peers/socketio-node`).
//!
//! Its clients are as careful as ours: they come back, join again and send again what was not
//! acknowledged. Counted are deliveries of acknowledged messages to members of their rooms that never
//! came; what a client could page out later, it would have to know that it missed.

mod socket;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result};
use futures::future::join_all;
use hubbub_domain::RoomId;
use hubbub_testkit::{Postgres, Redis, SECRET, free_port, process::Process};
use nix::sys::signal::Signal;
use serde::Serialize;
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    time::{Instant, interval, sleep, timeout},
};

use crate::load::{CLIENTS, ROOMS};
use socket::Socket;

/// Two nodes, as in hubbub's cluster of the rig.
const NODES: usize = 2;
const START_PATIENCE: Duration = Duration::from_secs(30);
/// Before the fault, how long it lasts, and how long people talk after it.
const BEFORE: Duration = Duration::from_secs(3);
pub(crate) const LASTING: Duration = Duration::from_secs(1);
const AFTER: Duration = Duration::from_secs(8);
/// How long everything may take to arrive in the end.
const SETTLING: Duration = Duration::from_secs(20);

/// What a fault did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Loss {
    pub(crate) fault: &'static str,
    pub(crate) acked: usize,
    pub(crate) expected: usize,
    pub(crate) lost: usize,
    /// Processes that ended by themselves.
    pub(crate) died: usize,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    RedisKilled,
    NodeKilled,
}

/// Both faults, each on nodes of its own.
pub(crate) async fn run(folder: &Path, rate: f64) -> Result<Vec<Loss>> {
    let mut losses = Vec::new();
    for fault in [Fault::RedisKilled, Fault::NodeKilled] {
        losses.push(suffer(folder, rate, fault).await?);
    }
    Ok(losses)
}

async fn suffer(folder: &Path, rate: f64, fault: Fault) -> Result<Loss> {
    let mut peer = Peer::start(folder).await?;
    let rooms: Vec<RoomId> = (0..ROOMS).map(|_| RoomId::generate()).collect();
    let clients: Vec<Socket> = (0..CLIENTS)
        .map(|number| {
            let mut ports = peer.ports();
            ports.rotate_left(number % NODES);
            Socket::start(&format!("user-{number}"), ports, rooms_of(number, &rooms))
        })
        .collect();
    let joined = async {
        while clients.iter().any(|client| !client.joined()) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(START_PATIENCE, joined).await.context("not everybody could join")?;

    let talking = join_all(clients.iter().map(|client| talk(client, rate)));
    let breaking = async {
        sleep(BEFORE).await;
        peer.suffer(fault).await
    };
    let (_, died) = tokio::join!(talking, breaking);
    let died = died?;
    let end = Instant::now() + SETTLING;
    let mut loss = reckon(&clients, &rooms, fault);
    while Instant::now() < end && (loss.lost > 0 || clients.iter().any(Socket::waits)) {
        sleep(Duration::from_millis(500)).await;
        loss = reckon(&clients, &rooms, fault);
    }
    Ok(Loss { died, ..loss })
}

/// Everybody is in two rooms of about eight.
fn rooms_of(number: usize, rooms: &[RoomId]) -> Vec<RoomId> {
    let count = rooms.len();
    vec![rooms[number % count], rooms[(number + 1) % count]]
}

async fn talk(client: &Socket, rate: f64) {
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let mut ticks = interval(Duration::from_secs_f64(CLIENTS as f64 / rate));
    let end = Instant::now() + BEFORE + LASTING + AFTER;
    for number in 0.. {
        if Instant::now() > end {
            return;
        }
        ticks.tick().await;
        client.say(number).await;
    }
}

/// Every acknowledged message should have reached every member of its room.
fn reckon(clients: &[Socket], rooms: &[RoomId], fault: Fault) -> Loss {
    let mut loss = Loss { fault: fault.name(), acked: 0, expected: 0, lost: 0, died: 0 };
    let heard: Vec<HashSet<String>> = clients.iter().map(Socket::heard).collect();
    for (room, message) in clients.iter().flat_map(Socket::acked) {
        loss.acked += 1;
        for (number, heard) in heard.iter().enumerate() {
            if rooms_of(number, rooms).contains(&room) {
                loss.expected += 1;
                loss.lost += usize::from(!heard.contains(&message));
            }
        }
    }
    loss
}

impl Fault {
    const fn name(self) -> &'static str {
        match self {
            Self::RedisKilled => "Redis killed for a second",
            Self::NodeKilled => "a node killed",
        }
    }
}

struct Peer {
    folder: PathBuf,
    postgres: Postgres,
    redis: Redis,
    database: String,
    nodes: Vec<(u16, Option<Process>)>,
    scratch: TempDir,
}

impl Peer {
    async fn start(folder: &Path) -> Result<Self> {
        let postgres = Postgres::start_durable().await?;
        let redis = Redis::start().await?;
        let database = postgres.database().await?;
        let scratch = TempDir::with_prefix("hubbub-peer-")?;
        let folder = folder.to_owned();
        let nodes = (0..NODES).map(|_| (free_port(), None)).collect();
        let mut peer = Self { folder, postgres, redis, database, nodes, scratch };
        for index in 0..NODES {
            peer.launch(index).await?;
        }
        Ok(peer)
    }

    fn ports(&self) -> Vec<u16> {
        self.nodes.iter().map(|(port, _)| *port).collect()
    }

    async fn launch(&mut self, index: usize) -> Result<()> {
        let port = self.nodes[index].0;
        let mut command = Command::new("node");
        command.arg("server.js").current_dir(&self.folder);
        command.env("PORT", port.to_string()).env("DATABASE_URL", &self.database);
        command.env("REDIS_URL", self.redis.url()).env("SECRET", SECRET);
        let log = self.scratch.path().join(format!("node-{index}.log"));
        let mut process = Process::spawn(command, &log, Signal::SIGKILL, None)?;
        let ready = async || TcpStream::connect(("127.0.0.1", port)).await.is_ok();
        process.wait_ready(START_PATIENCE, ready).await.context("Socket.IO")?;
        self.nodes[index].1 = Some(process);
        Ok(())
    }

    /// Breaks, waits, repairs; how many nodes ended that nobody had ended.
    async fn suffer(&mut self, fault: Fault) -> Result<usize> {
        match fault {
            Fault::RedisKilled => self.redis.stop().await,
            Fault::NodeKilled => {
                if let Some(mut process) = self.nodes[0].1.take() {
                    process.end(Signal::SIGKILL).await;
                }
            }
        }
        sleep(LASTING).await;
        if self.redis.pid().is_none() {
            self.redis.start_again().await?;
        }
        let ended = |(_, process): &mut (u16, Option<Process>)| {
            process.as_mut().is_some_and(|process| process.ended().is_some())
        };
        let dead: Vec<bool> = self.nodes.iter_mut().map(ended).collect();
        for (index, dead) in dead.iter().enumerate() {
            if *dead || self.nodes[index].1.is_none() {
                self.nodes[index].1 = None;
                self.launch(index).await?;
            }
        }
        // Postgres is theirs until the end.
        debug_assert!(self.postgres.pid().is_some(), "Postgres runs");
        Ok(dead.into_iter().filter(|dead| *dead).count())
    }
}
