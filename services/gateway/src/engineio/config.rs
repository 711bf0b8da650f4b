//! The settings of the engine.

use std::time::Duration;

use hubbub_runtime::config::duration;
use serde::{Deserialize, Serialize};

/// How Engine.IO sessions are kept. What clients are told is told in the handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long after the handshake, or its last answer, a client is pinged.
    #[serde(with = "duration")]
    pub ping_interval: Duration,
    /// How long the answer may take. Then: closed.
    #[serde(with = "duration")]
    pub ping_timeout: Duration,
    /// Bytes of a message, and of the body of a POST. Over it: closed with 1009, or 413.
    pub payload_bytes_max: usize,
    /// From the request for a WebSocket to the end of the upgrade. Then: the WebSocket is closed, and
    /// polling goes on.
    #[serde(with = "duration")]
    pub upgrade_timeout: Duration,
    /// How long it may take nothing of what waits for it. Then: closed.
    #[serde(with = "duration")]
    pub write_timeout: Duration,
    /// Bytes that may wait for one client. Over it nothing more is read from it.
    pub outbox_bytes_max: usize,
    /// How long a message may take to arrive, from its first byte to its last. Then: closed.
    #[serde(with = "duration")]
    pub message_timeout: Duration,
    /// Bytes that all clients of this node together have begun to say and not ended, or said ahead of
    /// what is carried out. Over it: the client that says more is closed (4003).
    pub held_bytes_max: usize,
    /// Sessions of this node, those that poll among them, which hold no connection. At the bound: 503.
    pub sessions_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            payload_bytes_max: 1_000_000,
            upgrade_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            outbox_bytes_max: 1024 * 1024,
            message_timeout: Duration::from_mins(1),
            held_bytes_max: 32 * 1024 * 1024,
            sessions_max: 200_000,
        }
    }
}
