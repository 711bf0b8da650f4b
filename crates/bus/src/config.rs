//! How to reach the bus, and how long to wait for it.

use std::{fmt, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::BusError;

/// The settings of the Redis adapter. `Debug` shows no credentials.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `redis://[user][:password@]host[:port]`, or `rediss://…` for TLS. For a Cluster any of its
    /// nodes; several, so that one may be down. All use the first one's credentials and TLS.
    pub urls: Vec<String>,
    /// What the names of all channels start with: tells apart installations on one Redis.
    pub prefix: String,
    /// PEM file with the certificates that sign the server's, when no public authority does.
    pub ca_file: Option<PathBuf>,
    /// The longest wait for a connection.
    pub connect_timeout_ms: u64,
    /// The longest wait for an answer; no call of the bus takes longer.
    pub command_timeout_ms: u64,
    /// Between two looks whether a subscriber's connection still answers. What breaks without a
    /// word is noticed after this and `command_timeout_ms` together.
    pub ping_interval_ms: u64,
    /// Between two confirmations of the whole list of topics, give or take a quarter.
    pub refresh_interval_ms: u64,
    /// The longest pause between two attempts to reconnect; the pauses grow up to it, with jitter.
    pub retry_delay_max_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            prefix: "hubbub".to_owned(),
            ca_file: None,
            connect_timeout_ms: 1_000,
            command_timeout_ms: 2_000,
            ping_interval_ms: 5_000,
            refresh_interval_ms: 60_000,
            retry_delay_max_ms: 100,
        }
    }
}

impl Config {
    /// The defaults, with these addresses.
    pub fn new<U: Into<String>>(urls: impl IntoIterator<Item = U>) -> Self {
        Self { urls: urls.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    pub(crate) fn validate(&self) -> Result<(), BusError> {
        let refuse = |reason: &str| Err(BusError::Config(reason.to_owned()));
        if self.urls.is_empty() {
            return refuse("urls is empty");
        }
        if self.prefix.is_empty() || self.prefix.contains(['{', '}']) {
            return refuse("prefix is empty or has a brace, which Redis Cluster would interpret");
        }
        let times = [
            self.connect_timeout_ms,
            self.command_timeout_ms,
            self.ping_interval_ms,
            self.refresh_interval_ms,
            self.retry_delay_max_ms,
        ];
        if times.contains(&0) {
            return refuse("a time is zero");
        }
        Ok(())
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn command_timeout(&self) -> Duration {
        Duration::from_millis(self.command_timeout_ms)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.urls.iter().map(|url| without_credentials(url)).collect();
        f.debug_struct("Config")
            .field("urls", &urls)
            .field("prefix", &self.prefix)
            .field("ca_file", &self.ca_file)
            .field("connect_timeout_ms", &self.connect_timeout_ms)
            .field("command_timeout_ms", &self.command_timeout_ms)
            .field("ping_interval_ms", &self.ping_interval_ms)
            .field("refresh_interval_ms", &self.refresh_interval_ms)
            .field("retry_delay_max_ms", &self.retry_delay_max_ms)
            .finish()
    }
}

/// The scheme and what follows the credentials. A text that is no address shows nothing: it may be
/// a password in the wrong place.
fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
            let place = place.split(['?', '#']).next().unwrap_or_default();
            format!("{scheme}://{place}")
        }
        None => "(no address)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn debug_shows_no_credentials() {
        let config = Config::new([
            "rediss://alice:s3cret@redis.example:6380/0",
            "redis://:p@ss@[::1]:6379?password=s3cret",
            "s3cret",
        ]);
        let text = format!("{config:?}");
        assert!(text.contains("rediss://redis.example:6380/0"), "{text}");
        assert!(text.contains("redis://[::1]:6379"), "{text}");
        for secret in ["alice", "s3cret", "p@ss"] {
            assert!(!text.contains(secret), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Config::default().validate().is_err());
        let good = Config::new(["redis://localhost"]);
        assert!(good.validate().is_ok());
        assert!(Config { prefix: "a{b".to_owned(), ..good.clone() }.validate().is_err());
        assert!(Config { command_timeout_ms: 0, ..good }.validate().is_err());
    }
}
