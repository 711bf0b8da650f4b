//! The room service's part of the configuration; the defaults are those of a small cluster.

use std::{net::SocketAddr, time::Duration};

use hubbub_runtime::{
    config::{Secret, duration},
    grpc::GrpcServerConfig,
};
use serde::{Deserialize, Serialize};

/// How the room service runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the service listens when it is a process of its own.
    pub listen: SocketAddr,
    pub grpc: GrpcServerConfig,
    /// `postgres://…` or `sqlite:{file}`.
    pub database: Secret,
    pub postgres: PostgresConfig,
    pub sqlite: SqliteConfig,
    /// Members a group may have. At the bound: `limit_reached`. Public rooms have no bound.
    pub group_members_max: u32,
    /// Members a room may have for them to be told of each other's read and delivery markers as they
    /// move. In larger rooms: nobody is told, and receipts can be asked for.
    pub receipts_members_max: u32,
    /// Members a room may have for its receipts to be asked for. At the bound: `limit_reached`.
    pub receipts_asked_members_max: u32,
    /// Seconds between two messages of a member in slow mode. Over it: `bad_request`.
    pub slow_mode_seconds_max: u32,
    /// The most a call may take before it is answered `unavailable`.
    #[serde(with = "duration")]
    pub call_timeout: Duration,
    /// The most one call of the history service may take.
    #[serde(with = "duration")]
    pub history_timeout: Duration,
    /// The most one question to the identity service may take.
    #[serde(with = "duration")]
    pub identity_timeout: Duration,
    /// How often undelivered notices are looked for, besides right after each change.
    #[serde(with = "duration")]
    pub sweep_interval: Duration,
}

/// Postgres as a store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PostgresConfig {
    /// Whether the schema is brought up to date at the start; else `hubbub migrate` must have run.
    pub migrate_on_start: bool,
    pub connections_max: u32,
    /// The most a call waits for a free connection.
    #[serde(with = "duration")]
    pub acquire_timeout: Duration,
    /// The most one statement may run, waiting for a room's lock included.
    #[serde(with = "duration")]
    pub statement_timeout: Duration,
    /// The most a claim of notices may hold its rooms while history is silent. Longer than
    /// `history_timeout`, or a slow history would never get them.
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
            listen: SocketAddr::from(([127, 0, 0, 1], 7102)),
            grpc: GrpcServerConfig::default(),
            database: Secret::new("sqlite:room.db"),
            postgres: PostgresConfig::default(),
            sqlite: SqliteConfig::default(),
            group_members_max: 1_000,
            receipts_members_max: 50,
            receipts_asked_members_max: 1_000,
            slow_mode_seconds_max: 21_600,
            call_timeout: Duration::from_secs(5),
            history_timeout: Duration::from_secs(4),
            identity_timeout: Duration::from_secs(2),
            sweep_interval: Duration::from_secs(1),
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
        // A claim holds a connection while history is asked; calls need another.
        if self.postgres.connections_max < 2 || self.sqlite.readers_max == 0 {
            return Err("postgres.connections_max must be 2 at least, and sqlite.readers_max be \
                        above 0"
                .into());
        }
        if self.postgres.claim_timeout <= self.history_timeout {
            return Err("postgres.claim_timeout must be longer than history_timeout".into());
        }
        if self.group_members_max == 0 {
            return Err("group_members_max must be above 0: a room has its owner".into());
        }
        let waits = [self.sweep_interval, self.call_timeout, self.identity_timeout];
        if waits.iter().any(Duration::is_zero) {
            return Err("sweep_interval, call_timeout and identity_timeout must be above 0".into());
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
