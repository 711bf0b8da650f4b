//! The history service's part of the configuration; the defaults are those of a small cluster.

use std::{net::SocketAddr, time::Duration};

use hubbub_runtime::{
    config::{Secret, duration},
    grpc::GrpcServerConfig,
};
use serde::{Deserialize, Serialize};

/// How the history service runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the service listens when it is a process of its own.
    pub listen: SocketAddr,
    pub grpc: GrpcServerConfig,
    /// `postgres://…` or `sqlite:{file}`; there is no default.
    pub database: Secret,
    pub postgres: PostgresConfig,
    pub sqlite: SqliteConfig,
    pub append: AppendConfig,
    pub reactions: ReactionBounds,
    pub sweep: SweepConfig,
}

/// How many reactions there may be. At a bound: `limit_reached`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReactionBounds {
    /// Of one message.
    pub per_message_max: u32,
    /// Different emoji of one message.
    pub emoji_max: u32,
    /// Of one person to one message.
    pub per_user_max: u32,
}

impl Default for ReactionBounds {
    fn default() -> Self {
        Self { per_message_max: 500, emoji_max: 50, per_user_max: 20 }
    }
}

/// How messages are collected into transactions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppendConfig {
    /// Writers, each with a queue of its own; a room always goes to the same one.
    pub lanes: usize,
    /// A transaction takes no more requests once it has this many messages.
    pub batch_messages_max: usize,
    /// … or about this many bytes of them.
    pub batch_bytes_max: usize,
    /// Messages that wait for one writer. At the bound: `unavailable`, to be retried.
    pub queue_messages_max: usize,
    /// Bytes of committed messages that wait for the bus, per writer. At the bound they are left to
    /// the sweep.
    pub publish_bytes_max: usize,
    /// How long a writer without work leaves published outbox rows undeleted.
    #[serde(with = "duration")]
    pub tidy_after: Duration,
}

/// How what was committed and not published is found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SweepConfig {
    #[serde(with = "duration")]
    pub interval: Duration,
    /// Outbox rows younger than this are still the business of whoever wrote them.
    #[serde(with = "duration")]
    pub age_min: Duration,
    /// Outbox rows of one sweep's step.
    pub rows_max: u32,
    /// While the bus is down the interval doubles up to this.
    #[serde(with = "duration")]
    pub backoff_max: Duration,
}

/// Postgres as a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PostgresConfig {
    /// Whether the schema is brought up to date at the start; else `hubbub migrate` must have run.
    pub migrate_on_start: bool,
    /// Connections at the most; writers, readers and the sweep share them.
    pub connections_max: u32,
    /// The most a call waits for a free connection.
    #[serde(with = "duration")]
    pub acquire_timeout: Duration,
    /// The most one statement may run.
    #[serde(with = "duration")]
    pub statement_timeout: Duration,
    /// The most a sweep may hold its rows while the bus is silent.
    #[serde(with = "duration")]
    pub claim_timeout: Duration,
    /// The most the migrations may take at the start, waiting for other instances included.
    #[serde(with = "duration")]
    pub migration_timeout: Duration,
}

/// SQLite as a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SqliteConfig {
    /// Connections that read; there is one that writes.
    pub readers_max: u32,
    /// The most a call waits for the file or for a free connection.
    #[serde(with = "duration")]
    pub busy_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7103)),
            grpc: GrpcServerConfig::default(),
            database: Secret::default(),
            postgres: PostgresConfig::default(),
            sqlite: SqliteConfig::default(),
            append: AppendConfig::default(),
            reactions: ReactionBounds::default(),
            sweep: SweepConfig::default(),
        }
    }
}

impl Default for AppendConfig {
    fn default() -> Self {
        Self {
            lanes: 4,
            batch_messages_max: 512,
            batch_bytes_max: 1024 * 1024,
            queue_messages_max: 4_096,
            publish_bytes_max: 32 * 1024 * 1024,
            tidy_after: Duration::from_secs(1),
        }
    }
}

impl Default for SweepConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            age_min: Duration::from_secs(2),
            rows_max: 64,
            backoff_max: Duration::from_secs(5),
        }
    }
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self {
            migrate_on_start: true,
            connections_max: 16,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(4),
            claim_timeout: Duration::from_secs(30),
            migration_timeout: Duration::from_mins(1),
        }
    }
}

impl Default for SqliteConfig {
    fn default() -> Self {
        Self { readers_max: 4, busy_timeout: Duration::from_secs(5) }
    }
}

impl Config {
    /// Refuses what would never work; the text names the setting.
    pub fn validate(&self) -> Result<(), String> {
        let append = &self.append;
        if append.lanes == 0 || append.batch_messages_max == 0 || append.batch_bytes_max == 0 {
            return Err("append.lanes and append.batch_…_max must be above 0".into());
        }
        if append.queue_messages_max < crate::validate::APPEND_MAX {
            let least = crate::validate::APPEND_MAX;
            return Err(format!("append.queue_messages_max must be {least} at least: one request"));
        }
        let connections = usize::try_from(self.postgres.connections_max).unwrap_or(usize::MAX);
        if connections < append.lanes + 2 || self.sqlite.readers_max == 0 {
            return Err("postgres.connections_max must exceed append.lanes by 2 at least, and \
                        sqlite.readers_max be above 0"
                .into());
        }
        if self.sweep.rows_max == 0 || self.sweep.interval.is_zero() {
            return Err("sweep.rows_max and sweep.interval must be above 0".into());
        }
        let url = self.database.expose();
        if url.starts_with("postgres") && url.parse::<sqlx::postgres::PgConnectOptions>().is_err() {
            return Err("database is not postgres://user:password@host:port/name".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn the_defaults_hold() {
        assert_eq!(Config::default().validate(), Ok(()));
    }
}
