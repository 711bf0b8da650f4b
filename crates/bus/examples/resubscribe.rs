//! How long a subscriber of many rooms is deaf after Redis restarted: `cargo run --release
//! --example resubscribe [topics] [rounds]`. Starts a Redis of its own. Prints, per round, the time from
//! the moment Redis answers again to `Resumed`, and checks that every topic delivers afterwards.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use hubbub_bus::{Config, Delivery, Publication, Subscriber, Topic};
use hubbub_domain::RoomId;
use hubbub_testkit::Redis;
use tokio::{sync::mpsc::Receiver, time::timeout};

const DEADLINE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let topics = arguments.next().transpose()?.unwrap_or(10_000);
    let rounds = arguments.next().transpose()?.unwrap_or(5);
    let topics: Vec<_> = (0..topics).map(|_| Topic::Room(RoomId::generate())).collect();

    let redis = Redis::start().await?;
    let bus = hubbub_bus::connect(&Config::new([redis.url()]))?;
    let Subscriber { subscriptions, mut feed } = bus.subscribe().await?;
    let started = Instant::now();
    subscriptions.add(&topics).await?;
    report(&format!("subscribed {} topics first", topics.len()), started.elapsed());

    let mut all = Vec::new();
    for round in 1..=rounds {
        redis.stop().await;
        redis.start_again().await?;
        // It answers a ping now; the subscriber may have noticed even earlier.
        let answers = Instant::now();
        read_until_resumed(&mut feed).await?;
        let resumed = answers.elapsed();
        report(&format!("round {round}: resubscribed after"), resumed);
        all.push(resumed);
        for part in topics.chunks(1_000) {
            let payload = Bytes::from_static(b"x");
            let publication =
                |topic: &Topic| Publication { topic: topic.clone(), payload: payload.clone() };
            bus.publish(&part.iter().map(publication).collect::<Vec<_>>()).await?;
            for _ in part {
                match timeout(DEADLINE, feed.recv()).await? {
                    Some(Delivery::Message { .. }) => {}
                    other => bail!("not a message: {other:?}"),
                }
            }
        }
    }
    all.sort_unstable();
    report("median", all[all.len() / 2]);
    Ok(())
}

async fn read_until_resumed(feed: &mut Receiver<Delivery>) -> Result<()> {
    loop {
        let delivery = timeout(DEADLINE, feed.recv()).await?.context("the feed ended")?;
        if matches!(delivery, Delivery::Resumed) {
            return Ok(());
        }
    }
}

#[expect(clippy::print_stdout, reason = "this is what the example is for")]
fn report(what: &str, took: Duration) {
    println!("{what}: {:.1} ms", took.as_secs_f64() * 1e3);
}
