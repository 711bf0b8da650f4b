//! How messages travel.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

/// How messages travel to history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppenderConfig {
    /// Rooms are spread over this many lanes; the same number on every gateway.
    pub lanes: NonZeroUsize,
    /// Messages waiting in one lane. Over it: `unavailable`.
    pub lane_messages_max: usize,
    /// Messages in one call, at most 1,024.
    pub batch_max: usize,
}

impl Default for AppenderConfig {
    fn default() -> Self {
        Self {
            lanes: NonZeroUsize::new(32).expect("more than zero"),
            lane_messages_max: 1_024,
            batch_max: 256,
        }
    }
}
