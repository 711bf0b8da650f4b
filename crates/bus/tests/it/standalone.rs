//! The suites on a Redis of its own, and what only a standalone server shows.

use std::{process::Command, sync::Arc, time::Duration};

use hubbub_bus::{Bus, Config};
use hubbub_testkit::{ClientKind, Redis, eventually};
use tokio::sync::OnceCell;

use crate::{
    DEADLINE,
    faults::Server,
    listener::{Listener, publish_on_each, topics},
};

async fn bus() -> Arc<dyn Bus> {
    static REDIS: OnceCell<Redis> = OnceCell::const_new();
    let redis = REDIS.get_or_init(async || Redis::start().await.expect("Redis starts")).await;
    hubbub_bus::connect(&Config::new([redis.url()])).expect("a good configuration")
}

crate::conformance::suite!(bus);
crate::faults::suite!(Redis);

impl Server for Redis {
    async fn start() -> Self {
        Self::start().await.expect("Redis starts")
    }

    fn urls(&self) -> Vec<String> {
        vec![self.url()]
    }

    async fn stop(&self) {
        self.stop().await;
    }

    async fn start_again(&self) {
        self.start_again().await.expect("Redis starts");
    }

    async fn pause(&self, duration: Duration) {
        self.pause(duration).await;
    }

    async fn kill_clients(&self, kind: ClientKind) -> u64 {
        self.kill_clients(kind).await.expect("Redis answers")
    }

    async fn shard_channels(&self) -> Vec<String> {
        self.shard_channels().await.expect("Redis answers")
    }
}

#[tokio::test]
async fn a_password_is_used_and_a_wrong_one_is_an_error() {
    let redis = Redis::start_with_password("s3cret").await.unwrap();
    let topics = topics(3);
    let bus = hubbub_bus::connect(&Config::new([redis.url()])).unwrap();
    let mut listener = Listener::start(&*bus, &topics).await;
    publish_on_each(&*bus, &topics, 1).await;
    listener.read_until(&topics, 1).await;

    let wrong = format!("redis://:wr0ng@127.0.0.1:{}", redis.port());
    let bus = hubbub_bus::connect(&Config::new([wrong])).unwrap();
    let error = bus.publish(&[crate::listener::numbered(&topics[0], 1)]).await.unwrap_err();
    assert!(!error.to_string().contains("wr0ng"), "{error}");
}

#[tokio::test]
async fn two_prefixes_on_one_redis_do_not_meet() {
    let redis = Redis::start().await.unwrap();
    let [one, two] = ["one", "two"].map(|prefix| {
        let config = Config { prefix: prefix.to_owned(), ..Config::new([redis.url()]) };
        hubbub_bus::connect(&config).unwrap()
    });
    let topics = topics(3);
    let mut listener = Listener::start(&*one, &topics).await;
    publish_on_each(&*two, &topics, 1).await;
    publish_on_each(&*one, &topics, 2).await;
    for _ in &topics {
        assert_eq!(listener.next_message().await.1, "2");
    }
}

#[tokio::test]
async fn tls_with_a_private_authority_works_and_without_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &file("key"), "-out", &file("cert")])
        .output()
        .expect("openssl is here: apt-get install -y openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let port = hubbub_testkit::free_port();
    let _redis = Redis::start_with_arguments(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &file("cert"),
        "--tls-key-file",
        &file("key"),
        "--tls-auth-clients",
        "no",
    ])
    .await
    .unwrap();
    let config = Config::new([format!("rediss://localhost:{port}")]);
    let topics = topics(3);
    let publication = [crate::listener::numbered(&topics[0], 1)];
    assert!(hubbub_bus::connect(&config).unwrap().publish(&publication).await.is_err());

    let config = Config { ca_file: Some(file("cert").into()), ..config };
    let bus = hubbub_bus::connect(&config).unwrap();
    let mut listener = Listener::start(&*bus, &topics).await;
    publish_on_each(&*bus, &topics, 1).await;
    listener.read_until(&topics, 1).await;
}

#[tokio::test]
async fn a_dropped_subscriber_leaves_nothing_in_redis() {
    let redis = Redis::start().await.unwrap();
    let bus = hubbub_bus::connect(&Config::new([redis.url()])).unwrap();
    let by_handle = bus.subscribe().await.unwrap();
    by_handle.subscriptions.add(&topics(100)).await.unwrap();
    let by_feed = bus.subscribe().await.unwrap();
    by_feed.subscriptions.add(&topics(100)).await.unwrap();
    assert_eq!(redis.shard_channels().await.unwrap().len(), 200);
    let (feed, subscriptions) = (by_handle.feed, by_feed.subscriptions);
    drop((by_handle.subscriptions, by_feed.feed));
    eventually(DEADLINE, || async { redis.shard_channels().await.unwrap().is_empty() }).await;
    assert!(subscriptions.add(&topics(1)).await.is_err(), "nobody would read it");
    drop(feed);
}
