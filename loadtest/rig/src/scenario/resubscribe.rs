//! Ten thousand rooms, and Redis restarted empty: how long from the moment it answers until every room is
//! confirmed again. Once for a subscriber of the bus, which then must get what is published on each; and
//! once for a real gateway, whose clients must have every message that was appended meanwhile.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use hubbub_bus::{Bus, Delivery, Publication, Subscriber, Topic};
use hubbub_domain::{Rev, RoomId};
use hubbub_proto::history::v1::history_service_client::HistoryServiceClient;
use hubbub_testkit::{Client, Redis, checker::Entry, token};
use tokio::{
    sync::mpsc::Receiver,
    time::{sleep, timeout},
};
use tonic::transport::Channel;

use crate::{
    bench::Bench,
    measure::{Measure, Unit},
    stores::{
        Roles, Stores,
        append::{self, Load, Pace},
        rooms, seed,
    },
};

/// What must have happened by then has failed otherwise.
const PATIENCE: Duration = Duration::from_secs(30);
/// Publications of one pipeline.
const PUBLISHED: usize = 1_000;
/// Clients of the gateway; each is in as many of the rooms.
const CLIENTS: usize = 10;

pub(crate) async fn run(bench: &Bench) -> Result<Vec<Measure>> {
    let count = bench.scaled(10_000, 200);
    let measure = |what: &str| Measure::new("resubscribe", what, Unit::Seconds);
    let mut confirmed = measure("resubscribing 10,000 rooms");
    let mut repaired = measure("10,000 messages of the outage delivered, from Redis's answer");
    bus(bench.rounds, count, &mut confirmed).await?;
    gateway(bench, count, [&mut confirmed, &mut repaired]).await?;
    Ok(vec![confirmed, repaired])
}

/// A subscriber of the bus.
async fn bus(rounds: usize, count: usize, confirmed: &mut Measure) -> Result<()> {
    let topics: Vec<_> = rooms(count).into_iter().map(Topic::Room).collect();
    let redis = Redis::start().await?;
    let bus = hubbub_bus::connect(&hubbub_bus::Config::new([redis.url()]))?;
    let Subscriber { subscriptions, mut feed } = bus.subscribe().await?;
    subscriptions.add(&topics).await?;
    for _ in 0..rounds {
        redis.stop().await;
        redis.start_again().await?;
        // It answers a ping now; the subscriber may have noticed even earlier.
        let answers = Instant::now();
        until_resumed(&mut feed).await?;
        confirmed.record("hubbub", answers.elapsed().as_secs_f64());
        every_topic_delivers(bus.as_ref(), &topics, &mut feed).await?;
    }
    Ok(())
}

async fn until_resumed(feed: &mut Receiver<Delivery>) -> Result<()> {
    loop {
        let delivery = timeout(PATIENCE, feed.recv()).await?.context("the feed ended")?;
        if matches!(delivery, Delivery::Resumed) {
            return Ok(());
        }
    }
}

async fn every_topic_delivers(
    bus: &dyn Bus,
    topics: &[Topic],
    feed: &mut Receiver<Delivery>,
) -> Result<()> {
    for part in topics.chunks(PUBLISHED) {
        let payload = Bytes::from_static(b"x");
        let publications: Vec<_> = part
            .iter()
            .map(|topic| Publication { topic: topic.clone(), payload: payload.clone() })
            .collect();
        bus.publish(&publications).await?;
        for expected in part {
            match timeout(PATIENCE, feed.recv()).await? {
                Some(Delivery::Message { topic, .. }) if topic == *expected => {}
                other => bail!("published on {expected}, and got {other:?}"),
            }
        }
    }
    Ok(())
}

/// A gateway whose clients are in all rooms.
async fn gateway(bench: &Bench, count: usize, measures: [&mut Measure; 2]) -> Result<()> {
    let [confirmed, repaired] = measures;
    let stores = Stores::start(bench, Roles::All).await?;
    let ids = rooms(count);
    let audience = Audience::join(&stores, &ids).await?;
    let history = stores.history()?;
    let redis = &stores.cluster.redis;
    let mut rev = Rev(0);
    for _ in 0..bench.rounds {
        redis.stop().await;
        one_message_each(&history, &ids).await?;
        redis.start_again().await?;
        let answers = Instant::now();
        while subscribed(redis).await? < count {
            ensure!(answers.elapsed() < PATIENCE, "the gateway does not subscribe again");
            sleep(Duration::from_millis(2)).await;
        }
        confirmed.record("gateway", answers.elapsed().as_secs_f64());
        rev = rev.next();
        audience.caught_up(rev).await?;
        repaired.record("gateway", answers.elapsed().as_secs_f64());
        // And live again, on every room.
        one_message_each(&history, &ids).await?;
        rev = rev.next();
        audience.caught_up(rev).await?;
    }
    audience.judge(rev)
}

/// One append to every room.
async fn one_message_each(history: &HistoryServiceClient<Channel>, rooms: &[RoomId]) -> Result<()> {
    let pace = Pace::PerSecond(rooms.len() as f64);
    let load = Load { rooms, pace, duration: Duration::from_secs(1) };
    let run = append::run(history, load).await?;
    ensure!(run.acked.len() == rooms.len(), "{} appended", run.acked.len());
    Ok(())
}

/// Sharded channels that subscribers of this Redis have between them.
async fn subscribed(redis: &Redis) -> Result<usize> {
    let mut connection = redis.connection().await?;
    let mut command = redis::cmd("CLIENT");
    command.arg("LIST").arg("TYPE").arg("pubsub");
    let clients: String = command.query_async(&mut connection).await?;
    let of_client = |word: &str| word.strip_prefix("ssub=")?.parse::<usize>().ok();
    Ok(clients.split_whitespace().filter_map(of_client).sum())
}

/// Clients, each with its rooms.
struct Audience {
    clients: Vec<(Client, Vec<RoomId>)>,
}

impl Audience {
    async fn join(stores: &Stores, rooms: &[RoomId]) -> Result<Self> {
        let mut clients = Vec::new();
        for (number, part) in rooms.chunks(rooms.len().div_ceil(CLIENTS)).enumerate() {
            let user = format!("client-{number}");
            seed::groups(&stores.pool, &user, part).await?;
            let client = Client::start(&user, token(&user), stores.cluster.urls());
            clients.push((client, part.to_vec()));
        }
        let audience = Self { clients };
        audience.caught_up(Rev(0)).await?;
        Ok(audience)
    }

    /// Waits until every client is at this revision in each of its rooms.
    async fn caught_up(&self, rev: Rev) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        for (client, rooms) in &self.clients {
            while !rooms.iter().all(|room| client.rev(*room) >= Some(rev)) {
                ensure!(Instant::now() < end, "{} does not get its messages", client.user());
                sleep(Duration::from_millis(5)).await;
            }
        }
        Ok(())
    }

    /// Each client got each revision of each of its rooms once and in order, on one connection.
    fn judge(&self, last: Rev) -> Result<()> {
        for (client, rooms) in &self.clients {
            let mut seen: HashMap<RoomId, Rev> = HashMap::new();
            for entry in client.log().entries {
                let Entry::Delivered { room, rev, .. } = entry else { continue };
                let seen = seen.entry(room).or_default();
                ensure!(rev == seen.next(), "revision {} of {room} came after {}", rev.0, seen.0);
                *seen = rev;
            }
            let whole = rooms.iter().all(|room| seen.get(room) == Some(&last));
            ensure!(whole, "{} has not got every message", client.user());
            ensure!(client.connections() == 1, "{} was disconnected", client.user());
        }
        Ok(())
    }
}
