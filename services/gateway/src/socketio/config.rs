//! The settings of the protocol.

use std::time::Duration;

use hubbub_runtime::config::duration;
use serde::{Deserialize, Serialize};

/// The bounds on what one client's session may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long after the handshake a client may be in no namespace. Then: closed. Stock clients
    /// ask at once; what does not is not one.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// Binary attachments of one packet. Over it: closed.
    pub attachments_max: usize,
    /// Bytes of one packet with all of its attachments. Over it: closed.
    pub packet_bytes_max: usize,
    /// How long the attachments of a packet may take to come. Then: closed.
    #[serde(with = "duration")]
    pub attachments_timeout: Duration,
    /// Packets read ahead of the one at work. At the bound nothing more is read.
    pub packets_queued_max: usize,
    /// Bytes of those packets. At the bound nothing more is read.
    pub queued_bytes_max: usize,
    /// Events of ours to one client whose answers are awaited. Over it: the call fails.
    pub calls_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            attachments_max: 10,
            packet_bytes_max: 4_000_000,
            attachments_timeout: Duration::from_secs(30),
            packets_queued_max: 64,
            queued_bytes_max: 1_000_000,
            calls_max: 64,
        }
    }
}
