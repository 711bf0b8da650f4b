//! The room service's part of the configuration; the defaults are those of a small cluster.

use std::time::Duration;

use hubbub_runtime::config::{Secret, duration};
use serde::{Deserialize, Serialize};

/// How the room service runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Members a group may have. At the bound: `limit_reached`. Public rooms have no bound.
    pub group_members_max: u32,
    /// The most a call may take before it is answered `unavailable`.
    #[serde(with = "duration")]
    pub call_timeout: Duration,
    /// The most one call of the history service may take.
    #[serde(with = "duration")]
    pub history_timeout: Duration,
    /// How often undelivered notices are looked for, besides right after each change.
    #[serde(with = "duration")]
    pub sweep_interval: Duration,
    pub store: StoreConfig,
}

/// Where the rooms are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// `postgres://…` or `sqlite:{file}`.
    pub url: Secret,
    /// Connections to Postgres; for SQLite, connections that read.
    pub connections_max: u32,
    /// The most a call waits for a free connection.
    #[serde(with = "duration")]
    pub acquire_timeout: Duration,
    /// The most one statement may run.
    #[serde(with = "duration")]
    pub statement_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            group_members_max: 1_000,
            call_timeout: Duration::from_secs(5),
            history_timeout: Duration::from_secs(4),
            sweep_interval: Duration::from_secs(1),
            store: StoreConfig::default(),
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            connections_max: 16,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(4),
        }
    }
}
