//! A bus between simulated gateways that keeps the port's contract and not a promise more: envelopes
//! are late, overtake one another, come twice (since two instances may publish the same), and are
//! lost while a connection is broken, which is announced late. Subscriptions are confirmed late, or
//! not in time.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use hubbub_bus::{BusError, Delivery, FEED_EVENTS_MAX, Subscriber, Subscriptions, Topic};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::{dice::Dice, faults::Faults};

/// What all parts of the bus share.
#[derive(Clone)]
pub(super) struct Wires {
    pub(super) dice: Dice,
    pub(super) faults: Arc<Faults>,
    pub(super) tasks: TaskTracker,
}

pub(super) struct SimBus {
    wires: Wires,
    ears: Mutex<Vec<Arc<Ear>>>,
}

/// One gateway's connection to the bus.
pub(super) struct Ear {
    wires: Wires,
    feed: mpsc::Sender<Delivery>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wanted: HashSet<Topic>,
    confirmed: HashSet<Topic>,
    broken: bool,
    /// Counts connections: what was under way on an earlier one may be lost.
    connection: u64,
}

impl SimBus {
    pub(super) fn new(wires: Wires) -> Self {
        Self { wires, ears: Mutex::default() }
    }

    /// One more gateway; its connection breaks from time to time.
    pub(super) fn subscribe(&self) -> (Subscriber, Arc<Ear>) {
        let (feed, receiver) = mpsc::channel(FEED_EVENTS_MAX);
        let wires = Wires { dice: self.wires.dice.fork(), ..self.wires.clone() };
        let ear = Arc::new(Ear { wires, feed, state: Mutex::default() });
        self.ears.lock().push(Arc::clone(&ear));
        self.wires.tasks.spawn(Arc::clone(&ear).break_now_and_then());
        let subscriptions = Arc::new(Subscribed(Arc::clone(&ear)));
        (Subscriber { subscriptions, feed: receiver }, ear)
    }

    pub(super) fn publish(&self, topic: &Topic, payload: &Bytes) {
        for ear in self.ears.lock().iter() {
            ear.hear(topic, payload);
            if self.wires.faults.strike(|rates| rates.twice) {
                ear.hear(topic, payload);
            }
        }
    }
}

impl Ear {
    /// Topics that are subscribed, or will be.
    pub(super) fn topics(&self) -> usize {
        self.state.lock().wanted.len()
    }

    fn hear(self: &Arc<Self>, topic: &Topic, payload: &Bytes) {
        let state = self.state.lock();
        if state.broken || !state.confirmed.contains(topic) {
            return;
        }
        let (ear, connection) = (Arc::clone(self), state.connection);
        let message = Delivery::Message { topic: topic.clone(), payload: payload.clone() };
        self.wires.tasks.spawn(async move {
            let late = ear.wires.faults.strike(|rates| rates.late);
            ear.wires.dice.pause(if late { 20..1_500 } else { 0..4 }).await;
            let lost = ear.state.lock().connection != connection && ear.wires.dice.chance(0.5);
            if !lost {
                ear.tell(message);
            }
        });
    }

    fn tell(&self, delivery: Delivery) {
        // A closed feed belongs to a gateway that has ended.
        assert!(
            !matches!(self.feed.try_send(delivery), Err(mpsc::error::TrySendError::Full(_))),
            "no world is so busy"
        );
    }

    async fn break_now_and_then(self: Arc<Self>) {
        let dice = &self.wires.dice;
        loop {
            dice.pause(500..8_000).await;
            if self.wires.faults.are_over() {
                return;
            }
            self.break_off();
            dice.pause(0..300).await;
            self.tell(Delivery::Interrupted);
            dice.pause(10..3_000).await;
            self.restore();
        }
    }

    fn break_off(&self) {
        let mut state = self.state.lock();
        state.broken = true;
        state.connection += 1;
        state.confirmed.clear();
    }

    fn restore(&self) {
        let mut state = self.state.lock();
        state.broken = false;
        state.confirmed = state.wanted.clone();
        drop(state);
        self.tell(Delivery::Resumed);
    }

    fn is_broken(&self) -> bool {
        self.state.lock().broken
    }

    /// False when the connection is broken.
    fn confirm(&self, topics: &[Topic]) -> bool {
        let mut state = self.state.lock();
        if state.broken {
            return false;
        }
        let State { wanted, confirmed, .. } = &mut *state;
        confirmed.extend(topics.iter().filter(|topic| wanted.contains(topic)).cloned());
        true
    }

    /// Goes on whether or not the caller still waits.
    async fn subscribe(self: Arc<Self>, topics: Vec<Topic>) -> Result<(), BusError> {
        self.wires.dice.pause(0..20).await;
        if self.wires.faults.strike(|rates| rates.unconfirmed) {
            self.wires.dice.pause(50..1_000).await;
            if self.wires.dice.chance(0.5) {
                let ear = Arc::clone(&self);
                self.wires.tasks.spawn(async move {
                    ear.tell(Delivery::Interrupted);
                    ear.wires.dice.pause(50..2_000).await;
                    if !ear.is_broken() {
                        ear.restore();
                    }
                });
                return Err(BusError::Unavailable("simulated: not confirmed".into()));
            }
        }
        if self.confirm(&topics) {
            Ok(())
        } else {
            Err(BusError::Unavailable("simulated: the connection is broken".into()))
        }
    }
}

struct Subscribed(Arc<Ear>);

#[async_trait]
impl Subscriptions for Subscribed {
    async fn add(&self, topics: &[Topic]) -> Result<(), BusError> {
        let ear = &self.0;
        ear.state.lock().wanted.extend(topics.iter().cloned());
        let (answer, answered) = oneshot::channel();
        let subscribing = Arc::clone(ear).subscribe(topics.to_vec());
        ear.wires.tasks.spawn(async move { drop(answer.send(subscribing.await)) });
        answered.await.expect("it always answers")
    }

    async fn remove(&self, topics: &[Topic]) -> Result<(), BusError> {
        self.0.wires.dice.pause(0..20).await;
        let mut state = self.0.state.lock();
        for topic in topics {
            state.wanted.remove(topic);
            state.confirmed.remove(topic);
        }
        Ok(())
    }
}
