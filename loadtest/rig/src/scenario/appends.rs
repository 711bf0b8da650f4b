//! Durable appends: a real history service on Postgres that forces every commit, against one transaction
//! per message on the same server. First over a thousand rooms, then all in one.

use std::time::Duration;

use anyhow::Result;
use hubbub_domain::RoomId;
use hubbub_proto::history::v1::history_service_client::HistoryServiceClient;
use tonic::transport::Channel;

use crate::{
    bench::Bench,
    measure::{Measure, Unit},
    proc::Cpu,
    stores::{
        self, Roles, Stores,
        append::{self, Acked, Load, Pace, Run},
        one_per_transaction::OnePerTransaction,
        verify,
    },
};

const HUBBUB: &str = "hubbub";
const ONE_PER_TRANSACTION: &str = "one-per-transaction";
const ROOMS: usize = 1_000;
const PER_SECOND: f64 = 12_000.0;
const OFFERED: Pace = Pace::PerSecond(PER_SECOND);

/// At 12,000 a second and at the ceiling, over a thousand rooms.
pub(crate) async fn run(bench: &Bench) -> Result<Vec<Measure>> {
    let bed = Bed::start(bench, ROOMS).await?;
    let offered = Duration::from_millis(bench.scaled(5_000, 500));
    let ceiling = Duration::from_millis(bench.scaled(4_000, 500));
    let mut table = Table::new("appends");
    let mut kept = [Vec::new(), Vec::new()];
    bed.warm_up(&mut kept).await?;
    for _ in 0..bench.rounds {
        for arm in [HUBBUB, ONE_PER_TRANSACTION] {
            let (run, cost) = bed.measured(arm, OFFERED, offered).await?;
            table.offered(arm, &run, &cost);
            kept[usize::from(arm != HUBBUB)].extend(run.acked);
            let (run, _) = bed.measured(arm, Pace::Ceiling, ceiling).await?;
            table.ceiling.record(arm, run.per_second());
            kept[usize::from(arm != HUBBUB)].extend(run.acked);
        }
    }
    bed.verify(&kept).await?;
    Ok(table.measures())
}

/// All in one room, as fast as it is taken.
pub(crate) async fn hot_room(bench: &Bench) -> Result<Vec<Measure>> {
    let bed = Bed::start(bench, 1).await?;
    let duration = Duration::from_millis(bench.scaled(3_000, 500));
    let mut appends = Measure::new("hot-room", "appends to one room", Unit::PerSecond);
    let mut cpu = Measure::new("hot-room", "CPU per append to one room", Unit::Micros);
    let mut kept = [Vec::new(), Vec::new()];
    bed.warm_up(&mut kept).await?;
    for _ in 0..bench.rounds {
        for arm in [HUBBUB, ONE_PER_TRANSACTION] {
            let (run, cost) = bed.measured(arm, Pace::Ceiling, duration).await?;
            appends.record(arm, run.per_second());
            cpu.record(arm, cost.micros(cost.service + cost.postgres));
            kept[usize::from(arm != HUBBUB)].extend(run.acked);
        }
    }
    bed.verify(&kept).await?;
    Ok(vec![appends, cpu])
}

/// Both arms on one Postgres.
struct Bed {
    stores: Stores,
    history: HistoryServiceClient<Channel>,
    peer: OnePerTransaction,
    rooms: Vec<RoomId>,
}

/// CPU time of a run, and how many appends it is for.
struct Cost {
    service: Duration,
    postgres: Duration,
    redis: Duration,
    appends: f64,
}

impl Cost {
    fn micros(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() * 1e6 / self.appends
    }
}

impl Bed {
    async fn start(bench: &Bench, rooms: usize) -> Result<Self> {
        let stores = Stores::start(bench, Roles::History).await?;
        let rooms = stores::rooms(rooms);
        let peer = OnePerTransaction::start(stores.another_database().await?, &rooms).await?;
        Ok(Self { history: stores.history()?, stores, peer, rooms })
    }

    /// Connections, plans, and the rooms' first rows.
    async fn warm_up(&self, kept: &mut [Vec<Acked>; 2]) -> Result<()> {
        for (arm, kept) in [HUBBUB, ONE_PER_TRANSACTION].into_iter().zip(kept) {
            let run = self.load(arm, Pace::PerSecond(1_000.0), Duration::from_secs(1)).await?;
            kept.extend(run.acked);
        }
        Ok(())
    }

    async fn load(&self, arm: &str, pace: Pace, duration: Duration) -> Result<Run> {
        let load = Load { rooms: &self.rooms, pace, duration };
        match arm {
            HUBBUB => append::run(&self.history, load).await,
            _ => self.peer.run(load).await,
        }
    }

    async fn measured(&self, arm: &str, pace: Pace, duration: Duration) -> Result<(Run, Cost)> {
        let before = self.used(arm)?;
        let run = self.load(arm, pace, duration).await?;
        let after = self.used(arm)?;
        let [service, postgres, redis] = [0, 1, 2].map(|part| after[part].since(&before[part]));
        let cost = Cost { service, postgres, redis, appends: run.count() };
        Ok((run, cost))
    }

    /// The service, Postgres, Redis.
    fn used(&self, arm: &str) -> Result<[Cpu; 3]> {
        let service = match arm {
            HUBBUB => self.stores.services()?,
            _ => OnePerTransaction::cpu()?,
        };
        Ok([service, self.stores.postgres()?, self.stores.redis()?])
    }

    /// Nothing acked is missing, and no room has a gap, on either arm.
    async fn verify(&self, kept: &[Vec<Acked>; 2]) -> Result<()> {
        for (pool, acked) in [&self.stores.pool, &self.peer.pool].into_iter().zip(kept) {
            verify::gapless(pool).await?;
            verify::acked_is_stored(pool, &self.rooms, acked).await?;
        }
        Ok(())
    }
}

/// What is written down of each run.
struct Table {
    cpu: Measure,
    service: Measure,
    postgres: Measure,
    redis: Measure,
    taken: Measure,
    median: Measure,
    p99: Measure,
    ceiling: Measure,
}

impl Table {
    fn new(scenario: &'static str) -> Self {
        let measure = |what: &str, unit| Measure::new(scenario, what, unit);
        Self {
            cpu: measure("CPU per append at 12,000/s", Unit::Micros),
            service: measure("  of which the service", Unit::Micros),
            postgres: measure("  of which Postgres", Unit::Micros),
            redis: measure("  Redis, not counted above", Unit::Micros),
            taken: measure("taken of 12,000/s offered", Unit::PerSecond),
            median: measure("latency at 12,000/s offered, median", Unit::Millis),
            p99: measure("latency at 12,000/s offered, p99", Unit::Millis),
            ceiling: measure("appends at the ceiling", Unit::PerSecond),
        }
    }

    fn offered(&mut self, arm: &'static str, run: &Run, cost: &Cost) {
        self.cpu.record(arm, cost.micros(cost.service + cost.postgres));
        self.service.record(arm, cost.micros(cost.service));
        self.postgres.record(arm, cost.micros(cost.postgres));
        self.redis.record(arm, cost.micros(cost.redis));
        self.taken.record(arm, run.per_second());
        self.median.record(arm, run.latency_ms(0.5));
        self.p99.record(arm, run.latency_ms(0.99));
    }

    fn measures(self) -> Vec<Measure> {
        vec![
            self.cpu,
            self.service,
            self.postgres,
            self.redis,
            self.taken,
            self.median,
            self.p99,
            self.ceiling,
        ]
    }
}
