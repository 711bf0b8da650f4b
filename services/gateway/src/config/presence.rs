//! Who is there and who types: how long it holds, and what it may cost.

use std::time::Duration;

use hubbub_ephemeral::TYPISTS_MAX;
use hubbub_runtime::config::duration;
use serde::{Deserialize, Serialize};

/// Who is online.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PresenceConfig {
    /// How long a session counts as online when nobody renews it, because its gateway died.
    #[serde(with = "duration")]
    pub ttl: Duration,
    /// How often the sessions of a gateway are renewed.
    #[serde(with = "duration")]
    pub renew_interval: Duration,
    /// How often somebody looks for sessions that were not renewed.
    #[serde(with = "duration")]
    pub expiry_interval: Duration,
    /// How long after the end of their last session somebody still counts as online.
    #[serde(with = "duration")]
    pub grace: Duration,
    /// How long a client may ask for nothing before it counts as away.
    #[serde(with = "duration")]
    pub away_after: Duration,
    /// How long it is remembered when somebody was last seen.
    #[serde(with = "duration")]
    pub last_seen_kept: Duration,
    /// Users one session may watch. Over it: `limit_reached`.
    pub watched_max: usize,
    /// Public rooms that the sessions of this gateway may look at together. Over it: their `online` is absent.
    pub rooms_looked_at_max: usize,
    /// How often everybody who is watched is looked up, whatever the bus says.
    #[serde(with = "duration")]
    pub look_interval: Duration,
    /// How often it is asked whether those who watch still share a room with whom they watch.
    #[serde(with = "duration")]
    pub acquaintance_interval: Duration,
}

impl Default for PresenceConfig {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(30),
            renew_interval: Duration::from_secs(10),
            expiry_interval: Duration::from_secs(1),
            grace: Duration::from_secs(3),
            away_after: Duration::from_mins(5),
            last_seen_kept: Duration::from_hours(30 * 24),
            watched_max: 500,
            rooms_looked_at_max: 5_000,
            look_interval: Duration::from_secs(30),
            acquaintance_interval: Duration::from_mins(1),
        }
    }
}

/// Who types.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TypingConfig {
    /// How long somebody types without saying so again.
    #[serde(with = "duration")]
    pub ttl: Duration,
    /// How often a room is told who types, at the most.
    #[serde(with = "duration")]
    pub told_every: Duration,
    /// People who type in one room, at most 50. Over it: the others are not told of one more.
    pub typists_max: usize,
}

impl Default for TypingConfig {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(6),
            told_every: Duration::from_millis(250),
            typists_max: TYPISTS_MAX,
        }
    }
}
