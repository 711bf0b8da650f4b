//! What tokens are accepted: from whom, for whom, and under which keys.
//!
//! At least one source of keys must be named; several may be, and a token passes when a key of any
//! of them fits.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use crate::{Algorithm, Secret, error::ConfigError};

/// Bytes of an HS256 secret at the least: the size of the hash (RFC 7518 section 3.2).
pub(crate) const SECRET_BYTES_MIN: usize = 32;

/// The settings of token verification.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The only accepted `iss`.
    pub issuer: String,
    /// What `aud` must be, or hold.
    pub audience: String,
    /// How far clocks may differ when `exp` and `nbf` are judged.
    pub leeway_seconds: u64,
    /// A secret shared with the issuer (HS256), 32 bytes at least. Empty: none.
    pub secret: Secret,
    /// PEM files of public keys (Ed25519, P-256, or RSA of 2048 bits and more).
    pub public_key_files: Vec<PathBuf>,
    /// Where the issuer publishes its keys: `https`, or `http` on a loopback address. Empty: nowhere.
    pub jwks_url: String,
    /// The algorithms taken from the key set; HS256 cannot be one of them.
    pub jwks_algorithms: Vec<Algorithm>,
    /// How often the key set is read again without being asked.
    pub jwks_refresh_seconds: u64,
    /// The least time between two reads, however many tokens name a key that is not known.
    pub jwks_cooldown_ms: u64,
    /// How long one read of the key set may take.
    pub jwks_timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            issuer: "hubbub".to_owned(),
            audience: "hubbub".to_owned(),
            leeway_seconds: 5,
            secret: Secret::default(),
            public_key_files: Vec::new(),
            jwks_url: String::new(),
            jwks_algorithms: vec![Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256],
            jwks_refresh_seconds: 300,
            jwks_cooldown_ms: 5_000,
            jwks_timeout_ms: 3_000,
        }
    }
}

impl Config {
    /// Whether any source of keys is named.
    pub fn names_keys(&self) -> bool {
        !(self.secret.is_empty() && self.public_key_files.is_empty() && self.jwks_url.is_empty())
    }

    /// Checks what can be checked without reading a file or asking the network.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.issuer.is_empty() {
            return Err(ConfigError::Empty("issuer"));
        }
        if self.audience.is_empty() {
            return Err(ConfigError::Empty("audience"));
        }
        if self.jwks_algorithms.contains(&Algorithm::Hs256) {
            return Err(ConfigError::SharedSecretInJwks);
        }
        if !self.jwks_url.is_empty() && self.jwks_algorithms.is_empty() {
            return Err(ConfigError::Empty("jwks_algorithms"));
        }
        let waits = [
            ("jwks_refresh_seconds", self.jwks_refresh_seconds),
            ("jwks_timeout_ms", self.jwks_timeout_ms),
        ];
        match waits.into_iter().find(|(_, wait)| *wait == 0) {
            Some((name, _)) => Err(ConfigError::Zero(name)),
            None => Ok(()),
        }
    }

    pub(crate) fn leeway(&self) -> Duration {
        Duration::from_secs(self.leeway_seconds)
    }
}
