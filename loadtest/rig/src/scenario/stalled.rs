//! Stalled readers: one client in a hundred accepts nothing, and everything queued for it is full. What do the
//! others feel of it? The same room is measured without them and with them, in turn.
//!
//! Before each run with them they are flooded in a room of their own, until the gateway says that each of
//! them has fallen behind: the kernel's buffers and the session's outbox are full, and stay so.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use hubbub_testkit::Node;

use crate::{
    arm::{Arm as _, Hubbub},
    bench::Bench,
    crowd::{Crowd, Outcome, Plan, Room},
    measure::{Measure, Unit},
    socket::{self, Welcomed},
    wire::Member,
};

const NAME: &str = "stalled";
/// Healthy clients for each one that has stalled.
const HEALTHY_PER_STALLED: usize = 100;
/// Those of the healthy who write what the stalled ones do not read.
const FLOODERS: usize = 40;
/// Messages between two looks at whether all have fallen behind.
const FLOOD_BURSTS: u32 = 50;
const FLOOD_GAP: Duration = Duration::from_millis(25);
const FLOODS_MAX: usize = 20;
const FELL_BEHIND: &str = "hubbub_gateway_fell_behind_total";

pub(crate) async fn run(bench: &Bench) -> Result<Vec<Measure>> {
    let stage = Stage::start(bench).await?;
    let mut p50 = Measure::new(NAME, "p50 of the healthy", Unit::Millis);
    let mut p99 = Measure::new(NAME, "p99 of the healthy", Unit::Millis);
    let mut record = |arm: &'static str, outcome: &Outcome| {
        p50.record(arm, outcome.delivered.p50);
        p99.record(arm, outcome.delivered.p99);
    };
    stage.healthy().await.context("warming up")?;
    for _ in 0..bench.rounds {
        record("healthy", &stage.healthy().await?);
        let stalled = stage.stall().await?;
        record("stalled", &stage.healthy().await?);
        // Their connections are cut.
        drop(stalled);
    }
    stage.crowd.close()?;
    Ok(vec![p50, p99])
}

struct Stage {
    arm: Hubbub,
    crowd: Crowd,
    /// Of the healthy and the stalled.
    room: Room,
    /// Of the flooders and the stalled.
    flooded: Room,
    stalled: Vec<Member>,
    messages: u32,
}

impl Stage {
    async fn start(bench: &Bench) -> Result<Self> {
        let healthy = bench.scaled(300, 100);
        let options = bench.cluster().with("HUBBUB_GATEWAY__SESSION__WRITE_TIMEOUT", "10m");
        let arm = Hubbub::start(options).await?;
        let users: Vec<String> = (0..healthy).map(|number| format!("user-{number}")).collect();
        let stalled: Vec<String> =
            (0..healthy / HEALTHY_PER_STALLED).map(|number| format!("stalled-{number}")).collect();
        let all = [&users[..], &stalled].concat();
        let room = arm.make_room("everybody", &all).await?;
        let flooders = [&users[..FLOODERS], &stalled].concat();
        let flooded = arm.make_room("flooded", &flooders).await?;
        let member = |user: &String| Member { user: user.clone(), rooms: Vec::new() };
        let members: Vec<Member> = users.iter().map(member).collect();
        let crowd = Crowd::connect(&arm, &members).await?;
        let stalled = stalled.iter().map(member).collect();
        let room = Room { name: room, members: 0..healthy };
        let flooded = Room { name: flooded, members: 0..FLOODERS };
        Ok(Self { arm, crowd, room, flooded, stalled, messages: bench.scaled(150, 20) })
    }

    /// A message every 25 ms, each from another member.
    async fn healthy(&self) -> Result<Outcome> {
        let (rooms, gap) = (vec![self.room.clone()], Duration::from_millis(25));
        self.crowd.run(&Plan { rooms, bursts: self.messages, burst: 1, gap }).await
    }

    /// Connects those who will not read, and has them flooded until all have fallen behind.
    async fn stall(&self) -> Result<Vec<Welcomed>> {
        let before = self.fallen_behind().await?;
        let stalled = socket::connect_all(&self.arm, &self.stalled).await?;
        let burst = u32::try_from(FLOODERS)?;
        for _ in 0..FLOODS_MAX {
            let rooms = vec![self.flooded.clone()];
            let flood = Plan { rooms, bursts: FLOOD_BURSTS, burst, gap: FLOOD_GAP };
            self.crowd.run(&flood).await.context("the flood")?;
            if self.fallen_behind().await? - before >= self.stalled.len() as f64 {
                return Ok(stalled);
            }
        }
        bail!("a client that reads nothing has not fallen behind")
    }

    async fn fallen_behind(&self) -> Result<f64> {
        let gateway: &Node = self.arm.cluster.gateways.first().context("there is one")?;
        gateway.metric(FELL_BEHIND).await
    }
}
