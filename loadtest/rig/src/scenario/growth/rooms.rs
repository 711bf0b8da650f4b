//! More and more rooms: what an append costs when the same load is spread over them, and what a gateway
//! needs to remember for each that it follows.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hubbub_domain::RoomId;
use hubbub_testkit::{Client, token};
use tokio::time::sleep;

use super::Curve;
use crate::{
    bench::Bench,
    measure::{Measure, Unit},
    proc::memory,
    stores::{
        self, Roles, Stores,
        append::{self, Load, Pace},
        seed, verify,
    },
};

const OF: &str = "rooms";
const SIZES: [usize; 5] = [500, 1_000, 2_000, 4_000, 8_000];
const SMOKE_SIZES: [usize; 5] = [10, 20, 40, 80, 160];
const PER_SECOND: f64 = 6_000.0;
/// Rooms of one client; a gateway follows no more than 2,000 for it.
const PER_CLIENT: usize = 500;
const PATIENCE: Duration = Duration::from_secs(30);

/// A load of appends over more and more rooms.
pub(super) async fn appends(bench: &Bench) -> Result<Vec<Measure>> {
    let sizes = bench.scaled(SIZES, SMOKE_SIZES);
    let duration = Duration::from_millis(bench.scaled(1_000, 200));
    let stores = Stores::start(bench, Roles::History).await?;
    let rooms = stores::rooms(sizes[sizes.len() - 1]);
    let history = stores.history()?;
    let mut curve = Curve::new("CPU per append at 6,000/s", Unit::Micros, OF, &sizes);
    // Every room has its rows before anything is measured.
    let (pace, once) =
        (Pace::PerSecond(PER_SECOND), Duration::from_millis(bench.scaled(1_400, 200)));
    append::run(&history, Load { rooms: &rooms, pace, duration: once }).await?;
    for _ in 0..bench.rounds {
        for (index, size) in sizes.into_iter().enumerate() {
            let before = (stores.services()?, stores.postgres()?);
            let load = Load { rooms: &rooms[..size], pace, duration };
            let run = append::run(&history, load).await?;
            let used = stores.services()?.since(&before.0) + stores.postgres()?.since(&before.1);
            curve.record(index, used.as_secs_f64() * 1e6 / run.count());
        }
    }
    verify::gapless(&stores.pool).await?;
    Ok(curve.0)
}

/// A gateway whose clients are in more and more rooms.
pub(super) async fn followed(bench: &Bench) -> Result<Vec<Measure>> {
    let sizes = bench.scaled(SIZES, SMOKE_SIZES);
    let mut curve = Curve::new("gateway memory per room followed", Unit::Bytes, OF, &sizes);
    for _ in 0..bench.rounds {
        let stores = Stores::start(bench, Roles::All).await?;
        let mut clients = vec![join(&stores, "somebody", &stores::rooms(1)).await?];
        let empty = gateway_memory(&stores)?;
        let mut have = 0;
        for (index, size) in sizes.into_iter().enumerate() {
            for part in stores::rooms(size - have).chunks(PER_CLIENT) {
                let user = format!("client-{}", clients.len());
                clients.push(join(&stores, &user, part).await?);
            }
            have = size;
            curve.record(index, (gateway_memory(&stores)? - empty) / size as f64);
        }
    }
    Ok(curve.0)
}

/// A client in these rooms, once it follows them.
async fn join(stores: &Stores, user: &str, rooms: &[RoomId]) -> Result<Client> {
    seed::groups(&stores.pool, user, rooms).await?;
    let client = Client::start(user, token(user), stores.cluster.urls());
    let end = Instant::now() + PATIENCE;
    while !rooms.iter().all(|room| client.rev(*room).is_some()) {
        ensure!(Instant::now() < end, "{user} is not welcome");
        sleep(Duration::from_millis(5)).await;
    }
    Ok(client)
}

fn gateway_memory(stores: &Stores) -> Result<f64> {
    let pids: Vec<u32> =
        stores.cluster.gateways.iter().filter_map(hubbub_testkit::Node::pid).collect();
    memory(&pids)
}
