//! The contract of the port, as tests that every adapter passes. `suite!` makes them for one.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;
use hubbub_bus::{Bus, Delivery, FEED_EVENTS_MAX, Publication};

use crate::listener::{Listener, numbered, publish_on_each, topics};

/// One test per function of this module. `$bus` is an async function that returns a bus; two of
/// them reach each other.
macro_rules! suite {
    ($bus:path: $($test:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::conformance::$test($bus().await).await;
            }
        )+
    };
    ($bus:path) => {
        crate::conformance::suite! { $bus:
            order_is_kept_per_topic
            what_is_published_after_add_returned_arrives
            what_is_published_after_remove_returned_does_not_arrive
            every_subscriber_gets_everything_once
            adding_twice_and_removing_what_is_absent_are_harmless
            payloads_are_not_altered
            concurrent_adds_are_all_confirmed
            a_burst_loses_nothing_in_silence
            a_reader_that_stops_is_told_what_it_missed
            dropping_a_handle_leaves_the_others_alone
        }
    };
}
pub(crate) use suite;

type AnyBus = Arc<dyn Bus>;

pub(crate) async fn order_is_kept_per_topic(bus: AnyBus) {
    let topics = topics(20);
    let mut listener = Listener::start(&*bus, &topics).await;
    for round in 0..20 {
        let numbers = round * 10 + 1..=round * 10 + 10;
        let batch: Vec<_> =
            numbers.flat_map(|number| topics.iter().map(move |t| numbered(t, number))).collect();
        bus.publish(&batch).await.unwrap();
    }
    listener.read_until(&topics, 200).await;
    assert_eq!(listener.interruptions, 0);
}

pub(crate) async fn what_is_published_after_add_returned_arrives(bus: AnyBus) {
    let mut listener = Listener::start(&*bus, &[]).await;
    for topic in topics(200) {
        listener.subscriptions.add(std::slice::from_ref(&topic)).await.unwrap();
        bus.publish(&[numbered(&topic, 1)]).await.unwrap();
        assert_eq!(listener.next_message().await.0, topic);
    }
}

pub(crate) async fn what_is_published_after_remove_returned_does_not_arrive(bus: AnyBus) {
    let topics = topics(50);
    let mut listener = Listener::start(&*bus, &topics).await;
    let (left, kept) = topics.split_at(49);
    listener.subscriptions.remove(left).await.unwrap();
    publish_on_each(&*bus, left, 1).await;
    publish_on_each(&*bus, kept, 1).await;
    assert_eq!(listener.next_message().await.0, kept[0]);
    listener.subscriptions.add(left).await.unwrap();
    publish_on_each(&*bus, left, 2).await;
    for _ in left {
        assert_eq!(listener.next_message().await.1, "2");
    }
}

pub(crate) async fn every_subscriber_gets_everything_once(bus: AnyBus) {
    let topics = topics(10);
    let mut listeners = [
        Listener::start(&*bus, &topics).await,
        Listener::start(&*bus, &topics[..5]).await,
        Listener::start(&*bus, &topics).await,
    ];
    for number in 1..=20 {
        publish_on_each(&*bus, &topics, number).await;
    }
    listeners[0].read_until(&topics, 20).await;
    listeners[1].read_until(&topics[..5], 20).await;
    listeners[2].read_until(&topics, 20).await;
    // The listener checks that no number comes twice; there must be nothing left either.
    assert!(listeners.iter_mut().all(Listener::is_quiet));
}

pub(crate) async fn adding_twice_and_removing_what_is_absent_are_harmless(bus: AnyBus) {
    let topics = topics(3);
    let mut listener = Listener::start(&*bus, &topics[..2]).await;
    listener.subscriptions.add(&topics[..2]).await.unwrap();
    listener.subscriptions.add(&[]).await.unwrap();
    listener.subscriptions.remove(&topics[2..]).await.unwrap();
    publish_on_each(&*bus, &topics, 1).await;
    listener.read_until(&topics[..2], 1).await;
    publish_on_each(&*bus, &topics, 2).await;
    listener.read_until(&topics[..2], 2).await;
    assert_eq!(listener.interruptions, 0);
}

pub(crate) async fn payloads_are_not_altered(bus: AnyBus) {
    let topic = topics(1).remove(0);
    let mut subscriber = bus.subscribe().await.unwrap();
    subscriber.subscriptions.add(std::slice::from_ref(&topic)).await.unwrap();
    let all_bytes: Vec<u8> = (0..=255).collect();
    for payload in [vec![], b"\r\n$5\r\n*1".to_vec(), all_bytes.clone(), all_bytes.repeat(4_096)] {
        let payload = Bytes::from(payload);
        let publication = Publication { topic: topic.clone(), payload: payload.clone() };
        bus.publish(&[publication]).await.unwrap();
        match subscriber.feed.recv().await {
            Some(Delivery::Message { payload: received, .. }) => assert_eq!(received, payload),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) async fn concurrent_adds_are_all_confirmed(bus: AnyBus) {
    let topics = topics(500);
    let mut listener = Listener::start(&*bus, &[]).await;
    let adds = topics.chunks(1).map(|topic| listener.subscriptions.add(topic));
    assert!(join_all(adds).await.into_iter().all(|result| result.is_ok()));
    publish_on_each(&*bus, &topics, 1).await;
    listener.read_until(&topics, 1).await;
    assert_eq!(listener.interruptions, 0);
}

pub(crate) async fn a_burst_loses_nothing_in_silence(bus: AnyBus) {
    let topic = topics(1);
    let mut listener = Listener::start(&*bus, &topic).await;
    let last = 50_000;
    let publisher = {
        let (bus, topic) = (bus.clone(), topic[0].clone());
        tokio::spawn(async move {
            for first in (1..=last).step_by(500) {
                let batch: Vec<_> =
                    (first..first + 500).map(|number| numbered(&topic, number)).collect();
                bus.publish(&batch).await.unwrap();
            }
        })
    };
    let mut read = 0;
    while read < last && listener.interruptions == 0 {
        if let Delivery::Message { payload, .. } = listener.next().await {
            read = std::str::from_utf8(&payload).unwrap().parse().unwrap();
        }
    }
    // All of it, or an announcement; the listener has checked that nothing else was missing.
    publisher.await.unwrap();
    listener.hear_all(&*bus, &topic, last + 1).await;
}

pub(crate) async fn a_reader_that_stops_is_told_what_it_missed(bus: AnyBus) {
    let topic = topics(1);
    let mut listener = Listener::start(&*bus, &topic).await;
    let mut other = Listener::start(&*bus, &topic).await;
    let last = 3 * FEED_EVENTS_MAX as u64;
    for first in (1..=last).step_by(512) {
        let batch: Vec<_> =
            (first..first + 512).map(|number| numbered(&topic[0], number)).collect();
        bus.publish(&batch).await.unwrap();
        // The one that reads is not disturbed by the one that does not.
        other.read_until(&topic, first + 511).await;
    }
    assert_eq!(other.interruptions, 0);
    for number in 1..FEED_EVENTS_MAX as u64 {
        assert_eq!(listener.next_message().await.1, number.to_string());
    }
    assert!(matches!(listener.next().await, Delivery::Interrupted));
    assert!(matches!(listener.next().await, Delivery::Resumed));
    bus.publish(&[numbered(&topic[0], last + 1)]).await.unwrap();
    listener.read_until(&topic, last + 1).await;
    assert_eq!(listener.interruptions, 1);
}

pub(crate) async fn dropping_a_handle_leaves_the_others_alone(bus: AnyBus) {
    let topics = topics(10);
    let mut stays = Listener::start(&*bus, &topics).await;
    drop(Listener::start(&*bus, &topics).await);
    for number in 1..=100 {
        publish_on_each(&*bus, &topics, number).await;
    }
    stays.read_until(&topics, 100).await;
    assert_eq!(stays.interruptions, 0);
}
