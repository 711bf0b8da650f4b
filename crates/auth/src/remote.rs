//! An issuer's key set, kept in memory and read again when it may have changed.
//!
//! Verifying never waits for the network while the key is known. A token that names another key has
//! the set read again, by one caller for all who wait, and at most once per cooldown: a flood of
//! made-up key ids costs the issuer nothing. While the issuer cannot be reached the last keys hold;
//! what it does answer replaces them all, so that a withdrawn key ends with the next read.

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use reqwest::{Client, Url, redirect};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

use crate::{Algorithm, Config, ConfigError, Issuer, Signer, Unreachable, jwks, key::Key};

/// Bytes of a key set document at the most; reading stops there and the old keys stay.
const DOCUMENT_BYTES_MAX: usize = 256 * 1_024;

pub(crate) struct RemoteKeys {
    source: Source,
    algorithms: Vec<Algorithm>,
    refresh: Duration,
    cooldown: Duration,
    time_out: Duration,
    known: ArcSwap<KeySet>,
    /// When the last read began. Held for the length of a read, so that there is one at a time.
    reading: Mutex<Option<Instant>>,
}

/// Where a key set is read.
enum Source {
    /// Published by another issuer.
    Http { client: Client, url: Url },
    /// The cluster's own.
    Own(Arc<dyn Issuer>),
}

/// How often the cluster's own keys are read without being asked, at the least: it makes new ones
/// known longer than this before they are used.
const OWN_REFRESH_MAX: Duration = Duration::from_secs(30);

/// The keys of one answer of the issuer.
pub(crate) struct KeySet {
    pub(crate) keys: Vec<Key>,
    /// False until the issuer answered for the first time.
    pub(crate) fetched: bool,
}

/// Why a key set could not be read. Written to the log, never to a client.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("no answer within the time-out")]
    Late,
    #[error("{0}")]
    Http(reqwest::Error),
    #[error(transparent)]
    Own(#[from] Unreachable),
    #[error("status {0}")]
    Status(u16),
    #[error("more than {DOCUMENT_BYTES_MAX} bytes")]
    TooLarge,
    #[error(transparent)]
    Document(#[from] jwks::JwksError),
}

impl RemoteKeys {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let (url, on_loopback) = checked_url(&config.jwks_url)?;
        let time_out = Duration::from_millis(config.jwks_timeout_ms);
        let mut client = Client::builder()
            .redirect(redirect::Policy::none())
            .https_only(!on_loopback)
            .timeout(time_out);
        if on_loopback {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| ConfigError::JwksClient(error.to_string()))?;
        Ok(Self::reading(Source::Http { client, url }, config))
    }

    /// The keys of the cluster's own issuer.
    pub(crate) fn own(issuer: Arc<dyn Issuer>, config: &Config) -> Self {
        let mut own = Self::reading(Source::Own(issuer), config);
        own.algorithms = vec![Algorithm::EdDsa];
        own.refresh = own.refresh.min(OWN_REFRESH_MAX);
        own
    }

    fn reading(source: Source, config: &Config) -> Self {
        Self {
            source,
            algorithms: config.jwks_algorithms.clone(),
            refresh: Duration::from_secs(config.jwks_refresh_seconds),
            cooldown: Duration::from_millis(config.jwks_cooldown_ms),
            time_out: Duration::from_millis(config.jwks_timeout_ms),
            known: ArcSwap::from_pointee(KeySet { keys: Vec::new(), fetched: false }),
            reading: Mutex::new(None),
        }
    }

    /// Whose keys these are.
    pub(crate) const fn signer(&self) -> Signer {
        match self.source {
            Source::Http { .. } => Signer::Configured,
            Source::Own(_) => Signer::Own,
        }
    }

    pub(crate) fn keys(&self) -> Arc<KeySet> {
        self.known.load_full()
    }

    /// The newest keys, for a caller whom `seen` did not serve: read anew, unless somebody just did
    /// so. `None` when the issuer never answered. Waits for at most two reads: one that was under
    /// way already, and one that began after the call.
    pub(crate) async fn renew(&self, seen: &Arc<KeySet>) -> Option<Arc<KeySet>> {
        let asked = Instant::now();
        let mut last_read = self.reading.lock().await;
        let recent = last_read.is_some_and(|at| at >= asked || at.elapsed() < self.cooldown);
        if Arc::ptr_eq(seen, &self.keys()) && !recent {
            *last_read = Some(Instant::now());
            self.read_and_keep().await;
        }
        Some(self.keys()).filter(|known| known.fetched)
    }

    /// Whether keys for `algorithm` are ever taken from the key set.
    pub(crate) fn serves(&self, algorithm: jsonwebtoken::Algorithm) -> bool {
        self.algorithms.iter().any(|ours| ours.wire() == algorithm)
    }

    /// Reads at once and then at the configured interval; while nothing was ever read, at the
    /// cooldown's.
    pub(crate) async fn keep_fresh(&self) -> Infallible {
        loop {
            {
                let mut last_read = self.reading.lock().await;
                *last_read = Some(Instant::now());
                self.read_and_keep().await;
            }
            let fetched = self.known.load().fetched;
            sleep(if fetched { self.refresh } else { self.cooldown.max(self.time_out) }).await;
        }
    }

    async fn read_and_keep(&self) {
        match timeout(self.time_out, self.read()).await.unwrap_or(Err(ReadError::Late)) {
            Ok(keys) => {
                if keys.is_empty() {
                    tracing::warn!("the issuer's key set has no key that can be used here");
                }
                self.known.store(Arc::new(KeySet { keys, fetched: true }));
            }
            Err(error) => tracing::warn!(%error, "the issuer's key set cannot be read"),
        }
    }

    async fn read(&self) -> Result<Vec<Key>, ReadError> {
        let document = match &self.source {
            Source::Http { client, url } => download(client, url).await?,
            Source::Own(issuer) => issuer.keys().await?,
        };
        Ok(jwks::parse(&document, &self.algorithms)?)
    }
}

async fn download(client: &Client, url: &Url) -> Result<Vec<u8>, ReadError> {
    let mut answer = client.get(url.clone()).send().await.map_err(ReadError::Http)?;
    if answer.status().as_u16() != 200 {
        return Err(ReadError::Status(answer.status().as_u16()));
    }
    let mut document = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(ReadError::Http)? {
        if document.len() + chunk.len() > DOCUMENT_BYTES_MAX {
            return Err(ReadError::TooLarge);
        }
        document.extend_from_slice(&chunk);
    }
    Ok(document)
}

/// The address, and whether it is plain HTTP on this machine. Credentials in it are refused: an
/// address ends up in logs.
fn checked_url(text: &str) -> Result<(Url, bool), ConfigError> {
    let url: Url = text.parse().map_err(|_| ConfigError::JwksUrl)?;
    let host = url.host_str().ok_or(ConfigError::JwksUrl)?;
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ConfigError::JwksUrl);
    }
    match url.scheme() {
        "https" => Ok((url, false)),
        "http" if loopback => Ok((url, true)),
        _ => Err(ConfigError::JwksUrl),
    }
}
