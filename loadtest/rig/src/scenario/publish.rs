//! What a publish costs Redis: as the history service publishes at 12,000 appends a second (each commit's
//! rooms in one pipeline), against a publisher that waits for each answer before it sends the next.
//!
//! Both publish payloads of the same size at the same rate on as many channels; once with nobody
//! listening, once with one subscriber of all channels, as a gateway is. What is counted is Redis's own
//! number of `SPUBLISH` calls.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use hubbub_bus::{Bus, Delivery, Subscriber, Topic};
use hubbub_domain::RoomId;
use redis::aio::MultiplexedConnection;
use tokio::{sync::mpsc, task::JoinSet, time::sleep_until};

use crate::{
    bench::Bench,
    measure::{Measure, Unit},
    stores::{
        self, Roles, Stores,
        append::{self, Load, Pace},
        verify,
    },
};

const ROOMS: usize = 1_000;
const PER_SECOND: f64 = 12_000.0;
/// As many publishers at once as the history service has writers.
const PUBLISHERS: u32 = 4;
/// How long what was published may be on its way to the subscriber.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn run(bench: &Bench) -> Result<Vec<Measure>> {
    let stores = Stores::start(bench, Roles::History).await?;
    let rooms = stores::rooms(ROOMS);
    let duration = Duration::from_millis(bench.scaled(1_000, 200));
    let bus = hubbub_bus::connect(&hubbub_bus::Config::new([stores.cluster.redis.url()]))?;
    let (names, payload) = warm_up(&stores, bus.as_ref(), &rooms).await?;
    let bed = Bed { stores, rooms, names, payload, duration };
    let mut alone = Measure::new("publish", "Redis CPU per publish", Unit::Micros);
    let mut heard = Measure::new("publish", "Redis CPU per publish, one subscriber", Unit::Micros);
    for _ in 0..bench.rounds {
        bed.both(&mut alone).await?;
        let listener = Listener::start(bus.as_ref(), &bed.rooms).await?;
        let before = bed.published().await?;
        bed.both(&mut heard).await?;
        listener.heard(bed.published().await? - before).await?;
    }
    verify::gapless(&bed.stores.pool).await?;
    Ok(vec![alone, heard])
}

struct Bed {
    stores: Stores,
    rooms: Vec<RoomId>,
    /// How the bus calls their channels.
    names: Vec<String>,
    /// What the service published for one message.
    payload: Bytes,
    duration: Duration,
}

impl Bed {
    /// Both arms in turn.
    async fn both(&self, measure: &mut Measure) -> Result<()> {
        let load =
            Load { rooms: &self.rooms, pace: Pace::PerSecond(PER_SECOND), duration: self.duration };
        let history = self.stores.history()?;
        let cost = self.measured(async || append::run(&history, load).await.map(drop)).await?;
        measure.record("hubbub", cost);
        measure.record("unpipelined", self.measured(async || self.unpipelined().await).await?);
        Ok(())
    }

    /// Microseconds of Redis's CPU per publication.
    async fn measured(&self, work: impl AsyncFnOnce() -> Result<()>) -> Result<f64> {
        let (before, used) = (self.published().await?, self.stores.redis()?);
        work().await?;
        // The last commits may still be on their way here: they are in neither figure.
        let spent = self.stores.redis()?.since(&used);
        let count = self.published().await? - before;
        ensure!(count > 0, "nothing was published");
        Ok(spent.as_secs_f64() * 1e6 / count as f64)
    }

    /// Publications so far, as Redis counts them.
    async fn published(&self) -> Result<u64> {
        let mut connection = self.stores.cluster.redis.connection().await?;
        let stats: String =
            redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await?;
        let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_spublish:calls="));
        let calls = line.and_then(|line| line.split(',').next());
        calls.map_or(Ok(0), |calls| Ok(calls.parse()?))
    }

    /// Each publisher has one command under way on a connection of its own.
    async fn unpipelined(&self) -> Result<()> {
        let mut tasks = JoinSet::new();
        for number in 0..PUBLISHERS {
            let connection = self.stores.cluster.redis.connection().await?;
            let (names, payload) = (self.names.clone(), self.payload.clone());
            let publisher = OneByOne { number, connection, names, payload };
            tasks.spawn(publisher.run(self.duration));
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }
}

struct OneByOne {
    number: u32,
    connection: MultiplexedConnection,
    names: Vec<String>,
    payload: Bytes,
}

impl OneByOne {
    /// Its share of the messages, each at its moment if the one before was answered.
    async fn run(mut self, duration: Duration) -> Result<()> {
        let interval = Duration::from_secs_f64(f64::from(PUBLISHERS) / PER_SECOND);
        let begun = Instant::now();
        let names = self.names.iter().skip(self.number as usize).step_by(PUBLISHERS as usize);
        for (count, name) in names.cycle().enumerate() {
            let due = begun + interval * u32::try_from(count)?;
            if due > begun + duration || Instant::now() > begun + 2 * duration {
                break;
            }
            if due > Instant::now() {
                sleep_until(due.into()).await;
            }
            let mut publish = redis::cmd("SPUBLISH");
            publish.arg(name).arg(self.payload.as_ref());
            publish.exec_async(&mut self.connection).await?;
        }
        Ok(())
    }
}

/// Messages to every room, so that each has its rows; the names of the channels, and what was published
/// on one of them.
async fn warm_up(stores: &Stores, bus: &dyn Bus, rooms: &[RoomId]) -> Result<(Vec<String>, Bytes)> {
    let Subscriber { subscriptions, mut feed } = bus.subscribe().await?;
    let topics: Vec<_> = rooms.iter().map(|room| Topic::Room(*room)).collect();
    subscriptions.add(&topics).await?;
    let names = stores.cluster.redis.shard_channels().await?;
    let (pace, duration) = (Pace::PerSecond(2_000.0), Duration::from_secs(1));
    append::run(&stores.history()?, Load { rooms, pace, duration }).await?;
    loop {
        match tokio::time::timeout(PATIENCE, feed.recv()).await?.context("the feed ended")? {
            Delivery::Message { payload, .. } => return Ok((names, payload)),
            Delivery::Interrupted | Delivery::Resumed => {}
        }
    }
}

/// A subscriber of every room, which counts.
struct Listener {
    count: Arc<AtomicU64>,
    interrupted: Arc<AtomicBool>,
    /// The subscription ends with it.
    subscriptions: Arc<dyn hubbub_bus::Subscriptions>,
}

impl Listener {
    async fn start(bus: &dyn Bus, rooms: &[RoomId]) -> Result<Self> {
        let Subscriber { subscriptions, feed } = bus.subscribe().await?;
        let topics: Vec<_> = rooms.iter().map(|room| Topic::Room(*room)).collect();
        subscriptions.add(&topics).await?;
        let listener = Self { count: Arc::default(), interrupted: Arc::default(), subscriptions };
        tokio::spawn(listen(feed, Arc::clone(&listener.count), Arc::clone(&listener.interrupted)));
        Ok(listener)
    }

    /// All of it arrived, and nothing was announced as lost.
    async fn heard(self, published: u64) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while self.count.load(Ordering::Relaxed) < published && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(self.subscriptions);
        ensure!(!self.interrupted.load(Ordering::Relaxed), "the subscriber was interrupted");
        let heard = self.count.load(Ordering::Relaxed);
        ensure!(heard == published, "{heard} of {published} publications arrived");
        Ok(())
    }
}

async fn listen(
    mut feed: mpsc::Receiver<Delivery>,
    count: Arc<AtomicU64>,
    interrupted: Arc<AtomicBool>,
) {
    while let Some(delivery) = feed.recv().await {
        match delivery {
            Delivery::Message { .. } => count.fetch_add(1, Ordering::Relaxed),
            Delivery::Interrupted | Delivery::Resumed => {
                interrupted.store(true, Ordering::Relaxed);
                0
            }
        };
    }
}
