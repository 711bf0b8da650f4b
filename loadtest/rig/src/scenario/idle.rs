//! Idle sessions: 9,000 of them, as many as a node of a quiet service has. First they all come at once (the
//! connect storm: CPU per session let in, time until the last is welcomed), then they do nothing: what
//! does one cost in memory, and in CPU for its pings?
//!
//! A session is a full one: authenticated, in two rooms of about a hundred members. At the end each of
//! them is brought a message: those that are not there any more do not count as cheap.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::time::sleep;

use crate::{
    arm::{Arm, ArmKind, Hubbub, SocketIo},
    bench::Bench,
    crowd::{Crowd, Plan, Room},
    measure::{Measure, Unit},
    proc::{Cpu, memory},
    wire::Member,
};

const IDLE: &str = "idle";
const STORM: &str = "storm";
/// Of a room.
const MEMBERS: usize = 100;
/// Sessions that come as one crowd. Pings are answered once a crowd is complete, and the first of 9,000
/// must not wait for the last.
const CROWD: usize = 10 * MEMBERS;
/// Files that a process has open beside its sessions.
const FILES_BESIDE: u64 = 500;
/// Rooms made at the same time.
const ROOMS_AT_ONCE: usize = 4;
/// Between the messages at the end.
const GAP: Duration = Duration::from_millis(15);

pub(crate) async fn run(bench: &Bench) -> Result<Vec<Measure>> {
    let sessions = sessions(bench.scaled(9_000, 200))?;
    let mut figures = Figures::new();
    let kinds = ArmKind::chats(bench);
    for round in 0..bench.rounds {
        for turn in 0..kinds.len() {
            let kind = kinds[(turn + round) % kinds.len()];
            figures.measure(kind, bench, sessions).await.context(kind.name())?;
        }
    }
    Ok(figures.into_measures())
}

/// As many as wanted, or as the limit on open files allows. The rig and each server hold one file for
/// each; servers inherit the limit, raised as far as it may be.
fn sessions(wanted: usize) -> Result<usize> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raising the limit on open files")?;
    let allowed = usize::try_from(hard.saturating_sub(FILES_BESIDE)).unwrap_or(usize::MAX);
    let sessions = wanted.min(allowed) / MEMBERS * MEMBERS;
    ensure!(sessions > 0, "the limit on open files, {hard}, allows no sessions");
    Ok(sessions)
}

/// How often all arms ping, and how long they are watched: each session is pinged once meanwhile. Their own
/// 25 s would take minutes; with less, many pings would be counted to the storm.
fn ping_interval(bench: &Bench) -> Duration {
    Duration::from_secs(bench.scaled(10, 2))
}

async fn start(kind: ArmKind, bench: &Bench) -> Result<Box<dyn Arm>> {
    let ping_ms = ping_interval(bench).as_millis().to_string();
    let ping = format!("{ping_ms}ms");
    Ok(match kind {
        ArmKind::Hubbub | ArmKind::HubbubSocketIo => {
            let options = bench
                .cluster()
                .with("HUBBUB_GATEWAY__SESSION__PING_INTERVAL", &ping)
                .with("HUBBUB_GATEWAY__SOCKETIO__ENGINE__PING_INTERVAL", &ping);
            Box::new(Hubbub::start_at(kind, options).await?)
        }
        peer => {
            let settings = [("PING_INTERVAL_MS", ping_ms.as_str())];
            Box::new(SocketIo::start(peer, &bench.peers, 1, &settings).await?)
        }
    })
}

/// Who comes, and the rooms they are in: each user in one of the first kind, whose members have
/// neighbouring numbers, and in one of the second, whose members are spread.
struct Population {
    members: Vec<Member>,
    /// Rooms of the first kind.
    near: Vec<String>,
}

impl Population {
    async fn settle(arm: &dyn Arm, sessions: usize) -> Result<Self> {
        let users: Vec<String> = (0..sessions).map(|number| format!("user-{number}")).collect();
        let rooms = sessions / MEMBERS;
        let near = |room: usize| users[room * MEMBERS..][..MEMBERS].to_vec();
        let far = |room: usize| users.iter().skip(room).step_by(rooms).cloned().collect();
        let near = make_rooms(arm, "near", (0..rooms).map(near).collect()).await?;
        let far = make_rooms(arm, "far", (0..rooms).map(far).collect()).await?;
        let member = |(number, user): (usize, String)| {
            let rooms = vec![near[number / MEMBERS].clone(), far[number % rooms].clone()];
            Member { user, rooms }
        };
        let members = users.into_iter().enumerate().map(member).collect();
        Ok(Self { members, near })
    }

    async fn connect(&self, arm: &dyn Arm) -> Result<Vec<Crowd>> {
        let mut crowds = Vec::new();
        for members in self.members.chunks(CROWD) {
            crowds.push(Crowd::connect(arm, members).await?);
        }
        Ok(crowds)
    }

    /// A message for everybody, crowd by crowd.
    async fn greet(&self, crowds: Vec<Crowd>) -> Result<()> {
        for (crowd, names) in crowds.into_iter().zip(self.near.chunks(CROWD / MEMBERS)) {
            let room = |(number, name): (usize, &String)| Room {
                name: name.clone(),
                members: number * MEMBERS..(number + 1) * MEMBERS,
            };
            let rooms: Vec<Room> = names.iter().enumerate().map(room).collect();
            let bursts = u32::try_from(rooms.len())?;
            crowd.run(&Plan { rooms, bursts, burst: 1, gap: GAP }).await?;
            crowd.close()?;
        }
        Ok(())
    }
}

async fn make_rooms(arm: &dyn Arm, kind: &str, rooms: Vec<Vec<String>>) -> Result<Vec<String>> {
    let make = |(number, users): (usize, Vec<String>)| async move {
        arm.make_room(&format!("{kind}-{number}"), &users).await
    };
    stream::iter(rooms.into_iter().enumerate())
        .map(make)
        .buffered(ROOMS_AT_ONCE)
        .try_collect()
        .await
}

struct Figures {
    sessions: Measure,
    accept_cpu: Measure,
    welcomed: Measure,
    memory: Measure,
    idle_cpu: Measure,
}

impl Figures {
    fn new() -> Self {
        Self {
            sessions: Measure::new(IDLE, "idle sessions", Unit::Count),
            accept_cpu: Measure::new(STORM, "CPU per session let in", Unit::Micros),
            welcomed: Measure::new(STORM, "until all are welcomed", Unit::Seconds),
            memory: Measure::new(IDLE, "memory per idle session", Unit::Bytes),
            idle_cpu: Measure::new(IDLE, "CPU per idle session and ping", Unit::Micros),
        }
    }

    async fn measure(&mut self, kind: ArmKind, bench: &Bench, sessions: usize) -> Result<()> {
        let arm = start(kind, bench).await?;
        let population = Population::settle(arm.as_ref(), sessions).await?;
        let (name, each) = (kind.name(), sessions as f64);
        let server = arm.server();
        let empty = memory(&server)?;

        let (began, before) = (Instant::now(), Cpu::read(&server)?);
        let crowds = population.connect(arm.as_ref()).await?;
        self.welcomed.record(name, began.elapsed().as_secs_f64());
        let full = Cpu::read(&server)?;
        self.accept_cpu.record(name, full.since(&before).as_secs_f64() * 1e6 / each);

        // Time itself is watched here: one ping for each.
        sleep(ping_interval(bench)).await;
        let idled = Cpu::read(&server)?.since(&full);
        self.idle_cpu.record(name, idled.as_secs_f64() * 1e6 / each);
        self.memory.record(name, (memory(&server)? - empty) / each);
        self.sessions.record(name, each);

        population.greet(crowds).await.context("a message for everybody")
    }

    fn into_measures(self) -> Vec<Measure> {
        let Self { sessions, accept_cpu, welcomed, memory, idle_cpu } = self;
        vec![sessions, memory, idle_cpu, accept_cpu, welcomed]
    }
}
