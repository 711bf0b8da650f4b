//! Mutual TLS between roles: one switch, and the files of one certificate for both sides.
//!
//! A peer must show a certificate that the configured authority signed *and* that bears the one name
//! all roles share: addresses come and go, and an authority may sign for others too. The files are
//! looked at again before a handshake when the last look is old; new connections use what is in them
//! then, those that are open stay as they are. Files that cannot be used are told in the log, and the
//! last good ones stay in use.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::verify_server_name,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::{ParsedCertificate, WebPkiClientVerifier},
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::config::duration;

/// What HTTP/2 is called in a handshake (RFC 9113, section 3.2).
const HTTP2: &[u8] = b"h2";

/// Mutual TLS between roles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    pub enabled: bool,
    /// PEM: who signs the certificates of the roles.
    pub ca_file: PathBuf,
    /// PEM: the certificate of this process, followed by those that lead to the authority.
    pub cert_file: PathBuf,
    /// PEM: its key.
    pub key_file: PathBuf,
    /// The DNS name every role's certificate bears.
    pub name: String,
    /// The longest a handshake may take.
    #[serde(with = "duration")]
    pub handshake_timeout: Duration,
    /// How old the last look at the files may be.
    #[serde(with = "duration")]
    pub reload_interval: Duration,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            ca_file: PathBuf::new(),
            cert_file: PathBuf::new(),
            key_file: PathBuf::new(),
            name: "hubbub".to_owned(),
            handshake_timeout: Duration::from_secs(5),
            reload_interval: Duration::from_secs(30),
        }
    }
}

impl TlsConfig {
    /// Whether the files are there and belong together.
    pub fn validate(&self) -> Result<(), TlsError> {
        Tls::open(self).map(drop)
    }

    fn files(&self) -> [&Path; 3] {
        [&self.ca_file, &self.cert_file, &self.key_file]
    }
}

/// Both sides of the handshake, as the files are at the moment.
pub(super) struct Tls {
    config: TlsConfig,
    name: ServerName<'static>,
    sides: ArcSwap<Sides>,
    looked: Mutex<Looked>,
}

struct Sides {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// When the files were looked at, and what was seen.
struct Looked {
    at: Instant,
    changed: [Option<SystemTime>; 3],
}

impl Tls {
    /// `None` when it is switched off.
    pub(super) fn open(config: &TlsConfig) -> Result<Option<Arc<Self>>, TlsError> {
        if !config.enabled {
            return Ok(None);
        }
        let name = ServerName::try_from(config.name.clone())
            .map_err(|_| TlsError::Name(config.name.clone()))?;
        let changed = modified(config);
        let sides = ArcSwap::from_pointee(Sides::read(config)?);
        let looked = Mutex::new(Looked { at: Instant::now(), changed });
        Ok(Some(Arc::new(Self { config: config.clone(), name, sides, looked })))
    }

    /// The server's side of a handshake.
    pub(super) async fn accept<S>(
        &self,
        stream: S,
    ) -> Result<tokio_rustls::server::TlsStream<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.current().server));
        let stream = timeout(self.config.handshake_timeout, acceptor.accept(stream))
            .await
            .map_err(|_| TlsError::Timeout)?
            .map_err(TlsError::Handshake)?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        self.check_name(shown.ok_or(TlsError::Stranger)?)?;
        Ok(stream)
    }

    /// The client's side.
    pub(super) async fn connect<S>(
        &self,
        stream: S,
    ) -> Result<tokio_rustls::client::TlsStream<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let connector = TlsConnector::from(Arc::clone(&self.current().client));
        timeout(self.config.handshake_timeout, connector.connect(self.name.clone(), stream))
            .await
            .map_err(|_| TlsError::Timeout)?
            .map_err(TlsError::Handshake)
    }

    fn check_name(&self, certificate: &CertificateDer<'_>) -> Result<(), TlsError> {
        let parsed = ParsedCertificate::try_from(certificate).map_err(|_| TlsError::Stranger)?;
        verify_server_name(&parsed, &self.name).map_err(|_| TlsError::Stranger)
    }

    /// Looks at the files when it is time to, and reads those that changed.
    fn current(&self) -> Arc<Sides> {
        let mut looked = self.looked.lock();
        if looked.at.elapsed() >= self.config.reload_interval {
            looked.at = Instant::now();
            let changed = modified(&self.config);
            if changed != looked.changed {
                self.reload(&mut looked, changed);
            }
        }
        drop(looked);
        self.sides.load_full()
    }

    fn reload(&self, looked: &mut Looked, changed: [Option<SystemTime>; 3]) {
        match Sides::read(&self.config) {
            Ok(sides) => {
                self.sides.store(Arc::new(sides));
                looked.changed = changed;
                tracing::info!("the certificate between roles was read anew");
            }
            // Looked at again after the next interval: files may be written one after the other.
            Err(error) => tracing::warn!(%error, "the last good certificate stays in use"),
        }
    }
}

fn modified(config: &TlsConfig) -> [Option<SystemTime>; 3] {
    config.files().map(|file| std::fs::metadata(file).and_then(|about| about.modified()).ok())
}

impl Sides {
    fn read(config: &TlsConfig) -> Result<Self, TlsError> {
        let [ca, cert, key] = config.files();
        let mut roots = RootCertStore::empty();
        for certificate in certificates("ca_file", ca)? {
            roots.add(certificate).map_err(|error| TlsError::bad("ca_file", ca, error))?;
        }
        let roots = Arc::new(roots);
        let chain = certificates("cert_file", cert)?;
        let key_text = |error| TlsError::bad("key_file", key, error);
        let secret = PrivateKeyDer::from_pem_file(key).map_err(key_text)?;
        let together = |error| TlsError::bad("cert_file", cert, error);

        let verifier = WebPkiClientVerifier::builder(Arc::clone(&roots))
            .build()
            .map_err(|error| TlsError::bad("ca_file", ca, error))?;
        let mut server = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), secret.clone_key())
            .map_err(together)?;
        server.alpn_protocols = vec![HTTP2.to_vec()];
        let mut client = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, secret)
            .map_err(together)?;
        client.alpn_protocols = vec![HTTP2.to_vec()];
        Ok(Self { server: Arc::new(server), client: Arc::new(client) })
    }
}

fn certificates(
    setting: &'static str,
    file: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let all = read.map_err(|error| TlsError::bad(setting, file, error))?;
    if all.is_empty() {
        return Err(TlsError::bad(setting, file, "there is no certificate in it"));
    }
    Ok(all)
}

/// Mutual TLS cannot be set up, or a peer was not one of us.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{0}: no file is named")]
    NoFile(&'static str),
    #[error("{setting}: {} cannot be used: {reason}", file.display())]
    File { setting: &'static str, file: PathBuf, reason: String },
    #[error("name: {0:?} is not a DNS name")]
    Name(String),
    #[error("the handshake took too long")]
    Timeout,
    #[error("the handshake failed: {0}")]
    Handshake(#[source] std::io::Error),
    #[error("the peer's certificate does not bear the name of a role")]
    Stranger,
}

impl TlsError {
    fn bad(setting: &'static str, file: &Path, reason: impl std::fmt::Display) -> Self {
        if file.as_os_str().is_empty() {
            return Self::NoFile(setting);
        }
        Self::File { setting, file: file.to_owned(), reason: reason.to_string() }
    }
}
