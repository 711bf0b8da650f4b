//! What happens to callers when Redis goes away, stands still, or comes back with nothing.

use std::{sync::Arc, time::Duration};

use hubbub_domain::{RoomId, Timestamp, UserId};
use hubbub_ephemeral::{
    Availability, Claim, Config, Ephemeral, EphemeralError, Lease, Name, Node, Rate, SessionKey,
    Spending, Terms,
};
use hubbub_testkit::{Redis, RedisCluster, eventually};
use tokio::time::Instant;

use crate::DEADLINE;

const LONG: Duration = Duration::from_mins(1);

fn impatient(urls: Vec<String>) -> Arc<dyn Ephemeral> {
    let patience = Duration::from_millis(800);
    let config =
        Config { command_timeout: patience, connect_timeout: patience, ..Config::new(urls) };
    hubbub_ephemeral::connect(&config).unwrap()
}

fn blue() -> [Name; 1] {
    [Name { key: "blue".to_owned(), owner: "alice".to_owned() }]
}

/// An error, and soon.
async fn assert_unavailable(state: &Arc<dyn Ephemeral>) {
    let begun = Instant::now();
    for answer in [state.count("lobby").await.err(), state.nodes().await.err()] {
        assert!(matches!(answer, Some(EphemeralError::Unavailable(_))), "{answer:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_outage_of_redis_is_an_error_and_what_is_renewed_is_there_again() {
    let redis = Redis::start().await.unwrap();
    let state = impatient(vec![redis.url()]);
    assert_eq!(state.claim("lobby", &blue(), LONG).await, Ok(vec![Claim::Held]));
    redis.stop().await;
    assert_unavailable(&state).await;
    redis.start_again().await.unwrap();
    assert_eq!(state.count("lobby").await, Ok(0), "the first call after it finds a connection");
    assert_eq!(state.claim("lobby", &blue(), LONG).await, Ok(vec![Claim::Held]));
    assert_eq!(state.count("lobby").await, Ok(1));
}

#[tokio::test]
async fn a_server_that_stands_still_is_an_error() {
    let redis = Redis::start().await.unwrap();
    let state = impatient(vec![redis.url()]);
    state.claim("lobby", &blue(), LONG).await.unwrap();
    let begun = Instant::now();
    let asked = async { state.count("lobby").await };
    let (answer, ()) = tokio::join!(asked, redis.pause(Duration::from_secs(2)));
    // Whoever asked just before it stood still may have been answered.
    if let Err(error) = answer {
        assert!(matches!(error, EphemeralError::Unavailable(_)), "{error}");
    }
    assert!(begun.elapsed() < DEADLINE);
    eventually(DEADLINE, || async { state.count("lobby").await == Ok(1) }).await;
}

#[tokio::test]
async fn an_outage_of_a_cluster_is_an_error_and_it_is_found_again() {
    let cluster = RedisCluster::start().await.unwrap();
    let state = impatient(cluster.urls());
    state.claim("lobby", &blue(), LONG).await.unwrap();
    cluster.restart_empty().await.unwrap();
    let back = || async { state.claim("lobby", &blue(), LONG).await == Ok(vec![Claim::Held]) };
    eventually(DEADLINE, back).await;
    futures::future::join_all(cluster.nodes().iter().map(Redis::stop)).await;
    assert_unavailable(&state).await;
}

#[tokio::test]
async fn every_key_has_an_end() {
    let redis = Redis::start().await.unwrap();
    let state = impatient(vec![redis.url()]);
    let alice = UserId::parse("alice").unwrap();
    state.claim("lobby", &blue(), LONG).await.unwrap();
    state.typing(RoomId::generate(), (&alice, "a/1"), LONG).await.unwrap();
    let (id, address) = ("a".to_owned(), "a:1".to_owned());
    let (started_at, heard) = (Timestamp::default(), Duration::ZERO);
    let node = Node { id, address, connections: 1, closing: false, started_at, heard };
    state.register(&node, LONG).await.unwrap();
    let terms = Terms { ttl: LONG, last_seen_kept: LONG };
    let lease = |name: &str| Lease {
        user: UserId::parse(name).unwrap(),
        session: SessionKey { node: "a".to_owned(), number: 1 },
        availability: Availability::Online,
    };
    state.hold(&[lease("alice"), lease("bob")], terms).await.unwrap();
    state.leave(&[lease("bob")], Duration::ZERO, terms).await.unwrap();
    let rate = Rate { burst: 1, interval: Duration::from_secs(1) };
    state.spend(&[Spending { key: "alice".to_owned(), amount: 1, rate }]).await.unwrap();
    let mut connection = redis.connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    for kind in ["{names:lobby}", ":typing", "{nodes}", ":held", ":due", ":seen", "{r"] {
        assert!(keys.iter().any(|key| key.contains(kind)), "{kind}: {keys:?}");
    }
    for key in keys {
        let ttl: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut connection).await.unwrap();
        assert!(ttl > 0, "{key} has no end");
    }
}
