//! A subscriber under test, and what is published for it: numbers, counted per topic.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use hubbub_bus::{Bus, Delivery, Publication, Subscriber, Subscriptions, Topic};
use hubbub_domain::RoomId;
use tokio::{sync::mpsc, time::timeout};

use crate::DEADLINE;

pub(crate) fn topics(count: usize) -> Vec<Topic> {
    (0..count).map(|_| Topic::Room(RoomId::generate())).collect()
}

pub(crate) fn numbered(topic: &Topic, number: u64) -> Publication {
    Publication { topic: topic.clone(), payload: Bytes::from(number.to_string()) }
}

/// One number on each topic, in batches.
pub(crate) async fn publish_on_each(bus: &dyn Bus, topics: &[Topic], number: u64) {
    for topics in topics.chunks(100) {
        let batch: Vec<_> = topics.iter().map(|topic| numbered(topic, number)).collect();
        bus.publish(&batch).await.expect("the bus is there");
    }
}

pub(crate) struct Listener {
    pub(crate) subscriptions: Arc<dyn Subscriptions>,
    feed: mpsc::Receiver<Delivery>,
    /// The last number seen per topic.
    last: HashMap<Topic, u64>,
    /// Between `Interrupted` and `Resumed`, and until each topic's next number after it.
    pub(crate) interrupted: bool,
    pub(crate) interruptions: u64,
    excused: HashMap<Topic, u64>,
}

impl Listener {
    pub(crate) async fn start(bus: &dyn Bus, topics: &[Topic]) -> Self {
        let Subscriber { subscriptions, feed } = bus.subscribe().await.expect("never fails");
        let listener = Self {
            subscriptions,
            feed,
            last: HashMap::new(),
            interrupted: false,
            interruptions: 0,
            excused: HashMap::new(),
        };
        listener.subscriptions.add(topics).await.expect("the bus is there");
        listener
    }

    pub(crate) async fn next(&mut self) -> Delivery {
        let Ok(delivery) = timeout(DEADLINE, self.feed.recv()).await else {
            panic!(
                "nothing comes; {} interruptions, now: {}",
                self.interruptions, self.interrupted
            );
        };
        let delivery = delivery.expect("the feed is open");
        match &delivery {
            Delivery::Interrupted => {
                assert!(!self.interrupted, "Interrupted twice");
                self.interrupted = true;
                self.interruptions += 1;
            }
            Delivery::Resumed => {
                assert!(self.interrupted, "Resumed without Interrupted");
                self.interrupted = false;
            }
            Delivery::Message { topic, payload } => self.check(topic, payload),
        }
        delivery
    }

    /// In order, never twice, and a gap only where an interruption was announced since the number
    /// before it.
    fn check(&mut self, topic: &Topic, payload: &[u8]) {
        let number = number(payload);
        if let Some(last) = self.last.insert(topic.clone(), number) {
            assert!(number > last, "{topic}: {number} after {last}");
            let announced = self.excused.get(topic).copied().unwrap_or(0) < self.interruptions;
            assert!(number == last + 1 || announced, "{topic}: {number} after {last}, in silence");
        }
        // While it is still interrupted the next gap is excused too.
        let seen = self.interruptions - u64::from(self.interrupted);
        self.excused.insert(topic.clone(), seen);
    }

    pub(crate) async fn next_message(&mut self) -> (Topic, Bytes) {
        loop {
            if let Delivery::Message { topic, payload } = self.next().await {
                return (topic, payload);
            }
        }
    }

    /// Reads until every one of the topics has shown this number.
    pub(crate) async fn read_until(&mut self, topics: &[Topic], wanted: u64) {
        let mut open = topics.iter().filter(|topic| self.last.get(*topic) != Some(&wanted)).count();
        while open > 0 {
            let (topic, payload) = self.next_message().await;
            if number(&payload) == wanted && topics.contains(&topic) {
                open -= 1;
            }
        }
    }

    /// Publishes on each of the topics until all are heard without an interruption in between:
    /// while nodes still disagree there may be more than one. Returns the last number.
    pub(crate) async fn hear_all(&mut self, bus: &dyn Bus, topics: &[Topic], first: u64) -> u64 {
        for number in first.. {
            if self.interrupted {
                self.read_over_an_interruption().await;
            }
            let before = self.interruptions;
            publish_on_each(bus, topics, number).await;
            let mut open: HashSet<_> = topics.iter().collect();
            while !open.is_empty() && self.interruptions == before {
                if let Delivery::Message { topic, payload } = self.next().await
                    && payload == number.to_string()
                {
                    open.remove(&topic);
                }
            }
            if open.is_empty() {
                return number;
            }
        }
        unreachable!("there are enough numbers")
    }

    /// Reads over whatever else comes, up to the end of the next interruption.
    pub(crate) async fn read_over_an_interruption(&mut self) {
        while !matches!(self.next().await, Delivery::Resumed) {}
    }

    /// Reads up to the announcement of an interruption.
    pub(crate) async fn read_until_interrupted(&mut self) {
        while !self.interrupted {
            self.next().await;
        }
    }

    pub(crate) fn is_quiet(&mut self) -> bool {
        self.feed.is_empty()
    }
}

fn number(payload: &[u8]) -> u64 {
    std::str::from_utf8(payload).expect("a number").parse().expect("a number")
}
