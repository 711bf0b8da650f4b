//! How to reach the server, and how long to wait for it.

use std::{fmt, path::PathBuf, time::Duration};

use crate::EphemeralError;

/// The settings of the Redis adapter; where one is installed they are the bus's. `Debug` shows no
/// addresses: they may hold credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// `redis://[user][:password@]host[:port]`, or `rediss://…` for TLS. For a Cluster any of its
    /// nodes; several, so that one may be down. All use the first one's credentials and TLS.
    pub urls: Vec<String>,
    /// What the names of all keys start with: tells apart installations on one Redis.
    pub prefix: String,
    /// PEM file with the certificates that sign the server's, when no public authority does.
    pub ca_file: Option<PathBuf>,
    /// The longest wait for a connection.
    pub connect_timeout: Duration,
    /// The longest wait for an answer; no call takes longer.
    pub command_timeout: Duration,
}

impl Config {
    /// With these addresses, and what is usual for the rest.
    pub fn new<U: Into<String>>(urls: impl IntoIterator<Item = U>) -> Self {
        Self {
            urls: urls.into_iter().map(Into::into).collect(),
            prefix: "hubbub".to_owned(),
            ca_file: None,
            connect_timeout: Duration::from_secs(1),
            command_timeout: Duration::from_secs(2),
        }
    }

    pub(crate) fn validate(&self) -> Result<(), EphemeralError> {
        let refuse = |reason: &str| Err(EphemeralError::Config(reason.to_owned()));
        if self.urls.is_empty() {
            return refuse("urls is empty");
        }
        if self.prefix.is_empty() || self.prefix.contains(['{', '}']) {
            return refuse("prefix is empty or has a brace, which Redis Cluster would interpret");
        }
        if self.connect_timeout.is_zero() || self.command_timeout.is_zero() {
            return refuse("a time is zero");
        }
        Ok(())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("urls", &self.urls.len())
            .field("prefix", &self.prefix)
            .field("ca_file", &self.ca_file)
            .field("connect_timeout", &self.connect_timeout)
            .field("command_timeout", &self.command_timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Config;

    #[test]
    fn debug_shows_no_credentials_and_nonsense_is_refused() {
        let good = Config::new(["redis://alice:s3cret@localhost"]);
        assert!(!format!("{good:?}").contains("s3cret"));
        assert!(good.validate().is_ok());
        assert!(Config::new(Vec::<String>::new()).validate().is_err());
        assert!(Config { prefix: "a{b".to_owned(), ..good.clone() }.validate().is_err());
        assert!(Config { command_timeout: Duration::ZERO, ..good }.validate().is_err());
    }
}
