//! The verifier: everything that must hold before a token is believed, in order of cost.
//!
//! Length, shape and header are judged first, then the signature under a key of ours with that
//! key's algorithm, and only then is anything read that the token claims.

use std::{convert::Infallible, fs, path::Path, sync::Arc, time::Duration};

use hubbub_domain::Clock;
use jsonwebtoken::{Header, Validation, errors::ErrorKind};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    AuthError, Claims, Config, ConfigError, Issuer, TOKEN_BYTES_MAX,
    claims::RawClaims,
    config::SECRET_BYTES_MIN,
    key::{self, Key},
    remote::RemoteKeys,
};

/// Checks tokens. Cheap to clone; clones share their keys.
#[derive(Clone)]
pub struct Verifier {
    shared: Arc<Shared>,
}

struct Shared {
    /// From the configuration: they never change.
    fixed: Vec<Key>,
    /// From issuers' key sets: the configured one's, and the cluster's own.
    remotes: Vec<RemoteKeys>,
    /// Who says whether a token still holds.
    issuer_of_ours: Option<Arc<dyn Issuer>>,
    issuer: String,
    audience: String,
    leeway: Duration,
    clock: Arc<dyn Clock>,
}

impl Verifier {
    /// Reads the configured keys. The issuer's key set is not asked for yet: an issuer that is down
    /// must not keep a server from starting.
    pub fn new(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        if config.names_keys() {
            Self::build(config, clock, None)
        } else {
            Err(ConfigError::NoKeys)
        }
    }

    /// The same, for a cluster that issues tokens itself, besides those of configured keys (which
    /// there need not be). From here on every token is also asked about.
    pub fn with_issuer(
        config: &Config,
        clock: Arc<dyn Clock>,
        issuer: Arc<dyn Issuer>,
    ) -> Result<Self, ConfigError> {
        Self::build(config, clock, Some(issuer))
    }

    fn build(
        config: &Config,
        clock: Arc<dyn Clock>,
        issuer_of_ours: Option<Arc<dyn Issuer>>,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let mut fixed = Vec::new();
        if !config.secret.is_empty() {
            let secret = config.secret.reveal().as_bytes();
            if secret.len() < SECRET_BYTES_MIN {
                return Err(ConfigError::SecretTooShort);
            }
            fixed.push(Key::from_secret(secret));
        }
        for path in &config.public_key_files {
            fixed.extend(read_pem(path)?);
        }
        let mut remotes = Vec::new();
        if let Some(issuer) = &issuer_of_ours {
            remotes.push(RemoteKeys::own(Arc::clone(issuer), config));
        }
        if !config.jwks_url.is_empty() {
            remotes.push(RemoteKeys::new(config)?);
        }
        Ok(Self {
            shared: Arc::new(Shared {
                fixed,
                remotes,
                issuer_of_ours,
                issuer: config.issuer.clone(),
                audience: config.audience.clone(),
                leeway: config.leeway(),
                clock,
            }),
        })
    }

    /// Whether `token` proves who its bearer is, and still holds. Waits on the network only when an
    /// issuer's key set must be read (again), and then no longer than twice the configured time-out;
    /// and when the cluster's own issuer has to be asked about the token.
    pub async fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        let claims = self.judge(token).await?;
        if let Some(issuer) = &self.shared.issuer_of_ours {
            issuer.holds(&claims).await?;
        }
        Ok(claims)
    }

    async fn judge(&self, token: &str) -> Result<Claims, AuthError> {
        let header = examine(token)?;
        let fixed = self.try_keys(token, &header, &self.shared.fixed);
        if !matches!(fixed, Err(AuthError::UnknownKey | AuthError::Signature)) {
            return fixed;
        }
        let mut outcome = fixed;
        let mut unsure = Vec::new();
        for remote in self.shared.remotes.iter().filter(|remote| remote.serves(header.alg)) {
            let known = remote.keys();
            let tried = self.try_keys(token, &header, &known.keys);
            // A key that is not known may be new. A signature that does not hold is no reason to
            // ask: the token named a key that we have.
            if known.fetched && tried != Err(AuthError::UnknownKey) {
                return signed_by(remote, tried);
            }
            unsure.push((remote, known));
        }
        let mut silent = false;
        for (remote, known) in unsure {
            let Some(renewed) = remote.renew(&known).await else {
                silent = true;
                continue;
            };
            outcome = self.try_keys(token, &header, &renewed.keys);
            if outcome != Err(AuthError::UnknownKey) {
                return signed_by(remote, outcome);
            }
        }
        if silent { Err(AuthError::KeysUnavailable) } else { outcome }
    }

    /// Reads the issuers' key sets now and then, until `stop`; without a key set it only waits. To
    /// be run as one task by whoever owns the verifier.
    pub async fn keep_fresh(self, stop: CancellationToken) {
        let mut reading = JoinSet::new();
        for which in 0..self.shared.remotes.len() {
            let shared = Arc::clone(&self.shared);
            reading.spawn(async move {
                let never: Infallible = shared.remotes[which].keep_fresh().await;
                match never {}
            });
        }
        stop.cancelled().await;
    }

    /// The first answer of a key whose signature holds; else whether any key fitted at all.
    fn try_keys(&self, token: &str, header: &Header, keys: &[Key]) -> Result<Claims, AuthError> {
        let mut refusal = AuthError::UnknownKey;
        for key in keys.iter().filter(|key| key.fits(header.alg, header.kid.as_deref())) {
            match self.try_key(token, key) {
                Err(AuthError::Signature) => refusal = AuthError::Signature,
                answer => return answer,
            }
        }
        Err(refusal)
    }

    fn try_key(&self, token: &str, key: &Key) -> Result<Claims, AuthError> {
        let mut rules = Validation::new(key.algorithm.wire());
        rules.set_required_spec_claims(&["iss", "aud", "sub"]);
        rules.set_issuer(&[&self.shared.issuer]);
        rules.set_audience(&[&self.shared.audience]);
        rules.validate_exp = false; // Judged by `RawClaims`, against our clock.
        let data = jsonwebtoken::decode::<RawClaims>(token, &key.decoding, &rules)
            .map_err(|error| refusal(error.kind()))?;
        data.claims.judge(self.shared.clock.now(), self.shared.leeway)
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("issuer", &self.shared.issuer)
            .field("audience", &self.shared.audience)
            .finish_non_exhaustive()
    }
}

fn signed_by(remote: &RemoteKeys, outcome: Result<Claims, AuthError>) -> Result<Claims, AuthError> {
    outcome.map(|claims| Claims { signer: remote.signer(), ..claims })
}

fn read_pem(path: &Path) -> Result<Vec<Key>, ConfigError> {
    let text = fs::read_to_string(path)
        .map_err(|source| ConfigError::KeyFile { path: path.to_owned(), source })?;
    key::from_pem(&text).map_err(|problem| ConfigError::KeyIn { path: path.to_owned(), problem })
}

/// Length, shape and header: all that can be judged without a key. Parameters that would make a
/// token bring its own key or its own rules are refused, not ignored (RFC 8725 sections 3.9 and 3.10,
/// RFC 7515 section 4.1.11).
fn examine(token: &str) -> Result<Header, AuthError> {
    if token.is_empty() {
        return Err(AuthError::NoToken);
    }
    if token.len() > TOKEN_BYTES_MAX {
        return Err(AuthError::TooLong);
    }
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if token.split('.').count() != 3 || !token.split('.').all(is_part) {
        return Err(AuthError::NotAToken);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::Header)?;
    let refused = [
        ("crit", header.crit.is_some()),
        ("jku", header.jku.is_some()),
        ("jwk", header.jwk.is_some()),
        ("x5u", header.x5u.is_some()),
        ("x5c", header.x5c.is_some()),
        ("enc", header.enc.is_some()),
        ("zip", header.zip.is_some()),
        ("b64", header.extras.inner().contains_key("b64")),
    ];
    if let Some((name, _)) = refused.into_iter().find(|(_, there)| *there) {
        return Err(AuthError::HeaderParameter(name));
    }
    match header.typ.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("jwt" | "at+jwt" | "application/jwt" | "application/at+jwt") => Ok(header),
        Some(_) => Err(AuthError::TokenType),
    }
}

/// The library's refusal in our words; what it may quote from the token stays behind.
fn refusal(kind: &ErrorKind) -> AuthError {
    match kind {
        ErrorKind::InvalidIssuer => AuthError::Issuer,
        ErrorKind::InvalidAudience => AuthError::Audience,
        ErrorKind::MissingRequiredClaim(name) => {
            let known = ["iss", "aud", "sub"].into_iter().find(|known| known == name);
            known.map_or(AuthError::Claims, AuthError::Claim)
        }
        ErrorKind::Base64(_) | ErrorKind::InvalidToken => AuthError::NotAToken,
        ErrorKind::Json(_) | ErrorKind::Utf8(_) => AuthError::Claims,
        _ => AuthError::Signature,
    }
}
