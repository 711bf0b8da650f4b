//! The settings of the lobby.

use std::{num::NonZeroU32, time::Duration};

use hubbub_runtime::config::duration;
use serde::{Deserialize, Serialize};

use crate::config::Switch;

/// The public room for guests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether there is one. Without it `/` is an invalid namespace.
    pub enabled: Switch,
    /// How long a guest may be silent. Then: `nouser`, and disconnected.
    #[serde(with = "duration")]
    pub idle_timeout: Duration,
    /// How long the names of a gateway that died stay taken and counted.
    #[serde(with = "duration")]
    pub names_kept: Duration,
    /// Events of one guest. Over it: `rate_limited`.
    pub events_per_second: NonZeroU32,
    pub events_burst: NonZeroU32,
    /// Rooms one guest may join. Over it: `limit_reached`.
    pub rooms_per_guest_max: usize,
    /// Bytes of what a guest says at once, attachments included, as all others are told it. Over it:
    /// `too_large`. Each full 8 KiB count as one event more.
    pub word_bytes_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: Switch::Auto,
            idle_timeout: Duration::from_mins(5),
            names_kept: Duration::from_secs(30),
            events_per_second: NonZeroU32::new(10).expect("more than zero"),
            events_burst: NonZeroU32::new(20).expect("more than zero"),
            rooms_per_guest_max: 64,
            word_bytes_max: 128 * 1024,
        }
    }
}
