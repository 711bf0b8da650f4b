//! Which gateways there are, where the others reach them, and how full they are.

use std::time::Duration;

use async_trait::async_trait;
use hubbub_domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::EphemeralError;

/// A gateway, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Another one for every start of a process.
    pub id: String,
    /// Where the other gateways call it: `host:port` of its internal listener. Empty: nowhere.
    pub address: String,
    /// Sessions it holds.
    pub connections: u64,
    /// It drains: whoever it still holds will come to the others.
    #[serde(default)]
    pub closing: bool,
    pub started_at: Timestamp,
    /// How long ago it said so, as read; what is written does not matter.
    #[serde(skip)]
    pub heard: Duration,
}

/// The registry of nodes. A node that does not renew its entry is gone after `ttl`.
#[async_trait]
pub trait Nodes: Send + Sync + 'static {
    /// Writes the node's entry, or renews it with what it says now.
    async fn register(&self, node: &Node, ttl: Duration) -> Result<(), EphemeralError>;

    /// Takes the node's entry away: it is closing.
    async fn deregister(&self, id: &str) -> Result<(), EphemeralError>;

    /// All that are there, by id.
    async fn nodes(&self) -> Result<Vec<Node>, EphemeralError>;

    /// One of them.
    async fn node(&self, id: &str) -> Result<Option<Node>, EphemeralError>;
}
