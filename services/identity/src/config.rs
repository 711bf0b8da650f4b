//! The identity service's part of the configuration; the defaults are those of a small cluster.

use std::{net::SocketAddr, num::NonZeroU32, time::Duration};

use hubbub_runtime::{
    config::{Secret, duration},
    grpc::GrpcServerConfig,
};
use serde::{Deserialize, Serialize};

const fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("more than zero")
}

/// How the identity service runs.
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
    /// The `iss` and `aud` of the tokens made here.
    pub issuer: String,
    pub audience: String,
    /// Who keeps the accounts.
    pub accounts: Accounts,
    /// How long an access token holds. What was taken back is refused at once all the same.
    #[serde(with = "duration")]
    pub access_lifetime: Duration,
    /// How long a session lives without being refreshed.
    #[serde(with = "duration")]
    pub refresh_lifetime: Duration,
    /// How long a refresh token that was just used may be used again: the answer may have been lost.
    #[serde(with = "duration")]
    pub refresh_grace: Duration,
    /// How long a guest lives.
    #[serde(with = "duration")]
    pub guest_lifetime: Duration,
    /// Sessions of one user. One more ends the one that was silent longest.
    pub sessions_per_user_max: u32,
    /// Contacts and open requests of one user. At the bound: `limit_reached`.
    pub contacts_max: u32,
    /// Names nobody gets, besides those that are reserved always.
    pub reserved_names: Vec<String>,
    pub password: PasswordConfig,
    pub keys: KeysConfig,
    pub attempts: AttemptsConfig,
    /// The most a call may take before it is answered `unavailable`.
    #[serde(with = "duration")]
    pub call_timeout: Duration,
    /// The most one call of the room service may take.
    #[serde(with = "duration")]
    pub room_timeout: Duration,
    /// How often blocks that the room service does not know of yet are looked for, besides right
    /// after each change; and how often what has ended is forgotten.
    #[serde(with = "duration")]
    pub sweep_interval: Duration,
}

/// Who keeps the accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accounts {
    /// This service: people register and log in here.
    #[default]
    Own,
    /// The issuer that `[auth]` trusts: nobody registers here, people are made on first sight.
    External,
}

/// How passwords are judged and hashed (argon2id).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordConfig {
    /// Characters of a new password, at the least and at the most.
    pub chars_min: usize,
    pub chars_max: usize,
    /// What a hash costs: memory, passes over it, and lanes.
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
    /// Hashes at once, and how many more wait. At the bound: `unavailable`.
    pub hashes_max: usize,
    pub waiting_max: usize,
}

/// How signing keys are turned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeysConfig {
    /// How long a key signs.
    #[serde(with = "duration")]
    pub lifetime: Duration,
    /// How long a key is published before it signs.
    #[serde(with = "duration")]
    pub publish_ahead: Duration,
    /// How often an instance looks whether another one turned the keys.
    #[serde(with = "duration")]
    pub reload_interval: Duration,
}

/// How often somebody may try, over all instances. Over it: `rate_limited`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttemptsConfig {
    /// Logins with one name: so many at once, and then one more each time this has passed.
    pub name_burst: NonZeroU32,
    #[serde(with = "duration")]
    pub name_every: Duration,
    /// Logins from one address (IPv6: from one network of 64 bits).
    pub address_burst: NonZeroU32,
    #[serde(with = "duration")]
    pub address_every: Duration,
    /// New accounts and guests from one address.
    pub new_burst: NonZeroU32,
    #[serde(with = "duration")]
    pub new_every: Duration,
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
    /// The most one statement may run, waiting for locks included.
    #[serde(with = "duration")]
    pub statement_timeout: Duration,
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
            listen: SocketAddr::from(([127, 0, 0, 1], 7104)),
            grpc: GrpcServerConfig::default(),
            database: Secret::new("sqlite:identity.db"),
            postgres: PostgresConfig::default(),
            sqlite: SqliteConfig::default(),
            issuer: "hubbub".to_owned(),
            audience: "hubbub".to_owned(),
            accounts: Accounts::default(),
            access_lifetime: Duration::from_mins(10),
            refresh_lifetime: Duration::from_hours(30 * 24),
            refresh_grace: Duration::from_secs(5),
            guest_lifetime: Duration::from_hours(24),
            sessions_per_user_max: 50,
            contacts_max: 5_000,
            reserved_names: Vec::new(),
            password: PasswordConfig::default(),
            keys: KeysConfig::default(),
            attempts: AttemptsConfig::default(),
            call_timeout: Duration::from_secs(5),
            room_timeout: Duration::from_secs(4),
            sweep_interval: Duration::from_secs(1),
        }
    }
}

impl Default for PasswordConfig {
    fn default() -> Self {
        // The second of the settings that RFC 9106 and OWASP hold sufficient, for servers that
        // answer others besides.
        Self {
            chars_min: 8,
            chars_max: 256,
            memory_kib: 19_456,
            passes: 2,
            lanes: 1,
            hashes_max: 2,
            waiting_max: 64,
        }
    }
}

impl Default for KeysConfig {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_hours(30 * 24),
            publish_ahead: Duration::from_mins(10),
            reload_interval: Duration::from_secs(5),
        }
    }
}

impl Default for AttemptsConfig {
    fn default() -> Self {
        Self {
            name_burst: at_least_one(10),
            name_every: Duration::from_secs(30),
            address_burst: at_least_one(100),
            address_every: Duration::from_secs(2),
            new_burst: at_least_one(50),
            new_every: Duration::from_secs(20),
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
        if self.postgres.connections_max == 0 || self.sqlite.readers_max == 0 {
            return Err("postgres.connections_max and sqlite.readers_max must be above 0".into());
        }
        let waits = [
            ("access_lifetime", self.access_lifetime),
            ("refresh_lifetime", self.refresh_lifetime),
            ("guest_lifetime", self.guest_lifetime),
            ("keys.lifetime", self.keys.lifetime),
            ("keys.reload_interval", self.keys.reload_interval),
            ("attempts.name_every", self.attempts.name_every),
            ("attempts.address_every", self.attempts.address_every),
            ("attempts.new_every", self.attempts.new_every),
            ("call_timeout", self.call_timeout),
            ("room_timeout", self.room_timeout),
            ("sweep_interval", self.sweep_interval),
        ];
        if let Some((name, _)) = waits.into_iter().find(|(_, wait)| wait.is_zero()) {
            return Err(format!("{name} must be above 0"));
        }
        if self.access_lifetime < Duration::from_secs(1) {
            return Err("access_lifetime must be a second at least: tokens count seconds".into());
        }
        if self.keys.publish_ahead >= self.keys.lifetime {
            return Err("keys.publish_ahead must be shorter than keys.lifetime".into());
        }
        if self.sessions_per_user_max == 0 || self.contacts_max == 0 {
            return Err("sessions_per_user_max and contacts_max must be above 0".into());
        }
        let PasswordConfig { chars_min, chars_max, hashes_max, .. } = self.password;
        if chars_min == 0 || chars_min > chars_max || hashes_max == 0 {
            return Err(
                "password.chars_min must be in 1 to chars_max, and hashes_max above 0".into()
            );
        }
        crate::passwords::parameters(&self.password).map(drop)
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
