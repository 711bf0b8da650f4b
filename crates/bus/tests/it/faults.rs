//! What breaks and heals, on every server there is. `suite!` makes the tests for one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use hubbub_bus::{Bus, BusError, Config, Delivery};
use hubbub_testkit::{ClientKind, eventually};

use crate::{
    DEADLINE,
    listener::{Listener, numbered, publish_on_each, topics},
};

/// A server that can be broken.
pub(crate) trait Server: Sync {
    async fn start() -> Self;
    fn urls(&self) -> Vec<String>;
    async fn stop(&self);
    async fn start_again(&self);
    async fn pause(&self, duration: Duration);
    async fn kill_clients(&self, kind: ClientKind) -> u64;
    async fn shard_channels(&self) -> Vec<String>;
}

/// Time-outs short enough for tests.
const COMMAND_TIMEOUT_MS: u64 = 500;
const COMMAND_TIMEOUT: Duration = Duration::from_millis(COMMAND_TIMEOUT_MS);
const PING_INTERVAL_MS: u64 = 300;
const PING_INTERVAL: Duration = Duration::from_millis(PING_INTERVAL_MS);
/// A call that must end within its time-out may end this much later on a busy machine.
const GRACE: Duration = Duration::from_millis(500);

pub(crate) fn connect(server: &impl Server) -> Arc<dyn Bus> {
    let config = Config {
        connect_timeout_ms: 300,
        command_timeout_ms: COMMAND_TIMEOUT_MS,
        ping_interval_ms: PING_INTERVAL_MS,
        ..Config::new(server.urls())
    };
    hubbub_bus::connect(&config).expect("a good configuration")
}

macro_rules! suite {
    ($server:ty: $($test:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::faults::$test(<$server as crate::faults::Server>::start().await).await;
            }
        )+
    };
    ($server:ty) => {
        crate::faults::suite! { $server:
            every_topic_delivers_after_its_connection_was_killed
            every_topic_delivers_after_a_restart_from_empty
            a_pause_is_survived_or_announced
            while_it_is_down_calls_fail_in_time_and_are_made_good_later
            subscribing_while_it_is_down_starts_interrupted
            no_loss_is_silent_under_killed_connections
            confirming_the_list_again_and_again_changes_nothing
        }
    };
}
pub(crate) use suite;

pub(crate) async fn every_topic_delivers_after_its_connection_was_killed(server: impl Server) {
    let bus = connect(&server);
    let topics = topics(2_000);
    let mut listener = Listener::start(&*bus, &topics).await;
    for round in 1..=3 {
        assert!(server.kill_clients(ClientKind::PubSub).await >= 1);
        listener.read_over_an_interruption().await;
        // In a cluster the connection to each node breaks and returns by itself: the first may be back before the last
        // has broken.
        eventually(DEADLINE, async || server.shard_channels().await.len() == topics.len()).await;
        publish_on_each(&*bus, &topics, round).await;
        listener.read_until(&topics, round).await;
    }
}

pub(crate) async fn every_topic_delivers_after_a_restart_from_empty(server: impl Server) {
    let bus = connect(&server);
    let topics = topics(2_000);
    let mut listener = Listener::start(&*bus, &topics).await;
    server.stop().await;
    listener.read_until_interrupted().await;
    server.start_again().await;
    listener.read_over_an_interruption().await;
    publish_on_each(&*bus, &topics, 1).await;
    listener.read_until(&topics, 1).await;
}

pub(crate) async fn a_pause_is_survived_or_announced(server: impl Server) {
    let bus = connect(&server);
    let topics = topics(100);
    let mut listener = Listener::start(&*bus, &topics).await;
    publish_on_each(&*bus, &topics, 1).await;
    listener.read_until(&topics, 1).await;

    let paused = server.pause(PING_INTERVAL * 2 + COMMAND_TIMEOUT * 3);
    let (started, mut failed_after) = (Instant::now(), None);
    tokio::join!(paused, async {
        tokio::task::yield_now().await;
        let error = bus.publish(&[numbered(&topics[0], 2)]).await;
        assert!(matches!(error, Err(BusError::Unavailable(_))), "{error:?}");
        failed_after = Some(started.elapsed());
        listener.read_until_interrupted().await;
    });
    assert!(failed_after.unwrap() < COMMAND_TIMEOUT + GRACE, "{failed_after:?}");
    listener.read_over_an_interruption().await;
    // The one whose publisher gave up may still have come through.
    publish_on_each(&*bus, &topics, 3).await;
    listener.read_until(&topics, 3).await;
}

pub(crate) async fn while_it_is_down_calls_fail_in_time_and_are_made_good_later(
    server: impl Server,
) {
    let bus = connect(&server);
    let topics = topics(10);
    let mut listener = Listener::start(&*bus, &topics[..2]).await;
    publish_on_each(&*bus, &topics, 1).await;
    server.stop().await;
    listener.read_until_interrupted().await;

    let started = Instant::now();
    assert!(bus.publish(&[numbered(&topics[0], 2)]).await.is_err());
    assert!(listener.subscriptions.add(&topics[2..]).await.is_err());
    assert!(started.elapsed() < 2 * COMMAND_TIMEOUT + GRACE, "{:?}", started.elapsed());
    // Taken off the list: not to be subscribed later, whatever the answer is now.
    let _ = listener.subscriptions.remove(&topics[9..]).await;

    server.start_again().await;
    listener.read_over_an_interruption().await;
    assert_eq!(server.shard_channels().await.len(), 9);
    publish_on_each(&*bus, &topics, 3).await;
    listener.read_until(&topics[..9], 3).await;
}

pub(crate) async fn subscribing_while_it_is_down_starts_interrupted(server: impl Server) {
    let bus = connect(&server);
    server.stop().await;
    let mut subscriber = bus.subscribe().await.expect("it succeeds all the same");
    assert!(matches!(subscriber.feed.recv().await, Some(Delivery::Interrupted)));
    let topics = topics(5);
    assert!(subscriber.subscriptions.add(&topics).await.is_err());
    server.start_again().await;
    assert!(matches!(subscriber.feed.recv().await, Some(Delivery::Resumed)));
    publish_on_each(&*bus, &topics, 1).await;
    for _ in &topics {
        assert!(matches!(subscriber.feed.recv().await, Some(Delivery::Message { .. })));
    }
}

/// The listener fails the test at a gap without an announcement, and at any duplicate.
pub(crate) async fn no_loss_is_silent_under_killed_connections(server: impl Server) {
    let bus = connect(&server);
    let topics = topics(50);
    let mut listener = Listener::start(&*bus, &topics).await;
    let done = AtomicBool::new(false);
    let publish = async {
        let mut number = 0;
        while !done.load(Ordering::Relaxed) {
            number += 1;
            for topic in &topics {
                // A failed one may have been published or not: its number is not used again.
                let _ = bus.publish(&[numbered(topic, number)]).await;
            }
        }
        number + 1
    };
    let break_things = async {
        for round in 0..10 {
            // Some messages pass between two breaks.
            // The rhythm of the fault; nothing is waited for.
            tokio::time::sleep(Duration::from_millis(50)).await;
            // Publishers keep their connections: what they lose is an error, not silence.
            assert!(server.kill_clients(ClientKind::PubSub).await >= 1, "round {round}");
            eventually(DEADLINE, async || server.shard_channels().await.len() == topics.len())
                .await;
        }
        done.store(true, Ordering::Relaxed);
    };
    let (read, finished) = tokio::sync::oneshot::channel::<()>();
    let read_all = async {
        let mut finished = finished;
        loop {
            tokio::select! {
                biased;
                _ = listener.next() => {}
                _ = &mut finished => break,
            }
        }
    };
    let ((), ()) = tokio::join!(read_all, async {
        let (last, ()) = tokio::join!(publish, break_things);
        publish_on_each(&*bus, &topics, last).await;
        drop(read);
    });
    assert!(listener.interruptions >= 1);
    if listener.interrupted {
        listener.read_over_an_interruption().await;
    }
}

pub(crate) async fn confirming_the_list_again_and_again_changes_nothing(server: impl Server) {
    let config = Config { refresh_interval_ms: 20, ..Config::new(server.urls()) };
    let bus = hubbub_bus::connect(&config).expect("a good configuration");
    let topics = topics(500);
    let mut listener = Listener::start(&*bus, &topics).await;
    let (started, mut number) = (Instant::now(), 0);
    while started.elapsed() < Duration::from_secs(1) {
        number += 1;
        publish_on_each(&*bus, &topics, number).await;
        listener.read_until(&topics, number).await;
        // Some leave and come back meanwhile.
        let some = &topics[..10];
        listener.subscriptions.remove(some).await.expect("the server is there");
        listener.subscriptions.add(some).await.expect("the server is there");
    }
    assert_eq!(listener.interruptions, 0);
    assert_eq!(server.shard_channels().await.len(), topics.len());
}
