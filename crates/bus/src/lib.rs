//! The fan-out port: batches of payloads on topics, from any process to every subscriber.
//!
//! # The contract
//!
//! - **At most once, and losses are announced.** A payload may be lost, never duplicated by the bus
//!   and never altered. Whenever a subscriber may have missed something (a broken connection, a
//!   restarted server, a feed that was read too slowly), its feed says [`Delivery::Interrupted`]
//!   and, once every wanted topic is confirmed again, [`Delivery::Resumed`]. A loss between the two
//!   is for the reader to repair; a loss outside of such a pair is a defect of the adapter.
//! - **Per publisher and topic, order is kept** within one connection's life.
//! - **`add` returns after the server confirmed** every topic of the call: what is published after
//!   that reaches the feed. When it fails, the topics stay wanted: they are subscribed as soon as
//!   the bus can, and a `Resumed` follows then.
//! - **After `remove`** what was on its way already may still arrive.
//! - **Everything is bounded.** A feed holds [`FEED_EVENTS_MAX`] deliveries; what does not fit is
//!   dropped and announced as an interruption. Every call ends within the configured time-out.
//! - **An outage is an error**, told at once or within the time-out, never silence.
//!
//! To add an adapter: implement [`Bus`] and [`Subscriptions`] on a [`feed`], and run the suite of
//! `tests/it/conformance.rs` on it.

mod config;
mod feed;
mod local;
pub mod metrics;
mod redis;

use std::{fmt, str::FromStr, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use hubbub_domain::{Fault, RoomId, UserId};
use tokio::sync::mpsc;

pub use config::Config;

/// A bus among the parts of one process.
pub fn local() -> Arc<dyn Bus> {
    metrics::begin();
    Arc::new(local::LocalBus::default())
}

/// A bus over Redis (7.0 or later), Valkey, or a Cluster of either; which one it is, the server
/// says. Returns at once: the server need not be reachable yet.
pub fn connect(config: &Config) -> Result<Arc<dyn Bus>, BusError> {
    let bus = redis::RedisBus::new(config)?;
    metrics::begin();
    Ok(Arc::new(bus))
}

/// Deliveries a feed holds before it drops; see the contract.
pub const FEED_EVENTS_MAX: usize = 8_192;

/// Where something is published.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// What happens in a room; its gateways listen.
    Room(RoomId),
    /// What concerns one user on all devices; the gateways with a session of theirs listen.
    User(UserId),
    /// Whether one user is online; the gateways where somebody watches them listen.
    Presence(UserId),
    /// What guests of the lobby say to each other; every gateway that has a lobby listens.
    Lobby,
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room(room) => write!(f, "room:{room}"),
            Self::User(user) => write!(f, "user:{user}"),
            Self::Presence(user) => write!(f, "presence:{user}"),
            Self::Lobby => f.write_str("lobby"),
        }
    }
}

impl FromStr for Topic {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match text.split_once(':') {
            Some(("room", room)) => Ok(Self::Room(room.parse()?)),
            Some(("user", user)) => Ok(Self::User(user.parse()?)),
            Some(("presence", user)) => Ok(Self::Presence(user.parse()?)),
            None if text == "lobby" => Ok(Self::Lobby),
            _ => Err(Fault::bad_request("topic is none of room:…, user:…, presence:… and lobby")),
        }
    }
}

/// A payload for everybody who listens on a topic.
#[derive(Clone, Debug)]
pub struct Publication {
    pub topic: Topic,
    pub payload: Bytes,
}

/// What a feed yields.
#[derive(Clone, Debug)]
pub enum Delivery {
    Message {
        topic: Topic,
        payload: Bytes,
    },
    /// From here on payloads may be missing, until `Resumed`.
    Interrupted,
    /// Every wanted topic is confirmed (again): compare heads now.
    Resumed,
}

/// A subscriber: the list of what it wants, and the feed of what it gets. Dropping the handle ends
/// the subscription; dropping the feed does too.
pub struct Subscriber {
    pub subscriptions: Arc<dyn Subscriptions>,
    pub feed: mpsc::Receiver<Delivery>,
}

/// The list of topics of one subscriber. Adding twice or removing what is absent is harmless.
#[async_trait]
pub trait Subscriptions: Send + Sync + 'static {
    async fn add(&self, topics: &[Topic]) -> Result<(), BusError>;
    async fn remove(&self, topics: &[Topic]) -> Result<(), BusError>;
}

/// The fan-out port; see the contract above.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Publishes all in one pipeline, in order per topic.
    async fn publish(&self, batch: &[Publication]) -> Result<(), BusError>;

    /// A new subscriber with an empty list. Succeeds even while the server cannot be reached: the
    /// feed then starts with `Interrupted`.
    async fn subscribe(&self) -> Result<Subscriber, BusError>;
}

/// Why the bus could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The server cannot be reached or did not answer in time. The same call may succeed later.
    #[error("the bus cannot be reached: {0}")]
    Unavailable(String),
    /// The configuration does not describe a bus.
    #[error("the bus is misconfigured: {0}")]
    Config(String),
}
