//! Making tokens: for development, for tests, and for the service that owns people.

use std::{fmt, time::Duration};

use hubbub_domain::{Timestamp, UserId};
use jsonwebtoken::{EncodingKey, Header};
use serde::Serialize;

use crate::{
    Algorithm, ConfigError, MintError, Secret, SigningKey, config::SECRET_BYTES_MIN,
    error::KeyError,
};

/// Signs tokens of one issuer for one audience.
pub struct Minter {
    key: EncodingKey,
    header: Header,
    issuer: String,
    audience: String,
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken<'a> {
    pub user: &'a UserId,
    pub now: Timestamp,
    /// Cut to whole seconds.
    pub lifetime: Duration,
    /// The token's own id (`jti`).
    pub token_id: Option<&'a str>,
    /// The login session it belongs to (`sid`).
    pub session: Option<&'a str>,
}

impl<'a> NewToken<'a> {
    pub fn new(user: &'a UserId, now: Timestamp, lifetime: Duration) -> Self {
        Self { user, now, lifetime, token_id: None, session: None }
    }
}

#[derive(Serialize)]
struct WireClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
}

impl Minter {
    /// Signs with a shared secret (HS256) of at least 32 bytes.
    pub fn hs256(secret: &Secret, issuer: &str, audience: &str) -> Result<Self, ConfigError> {
        let secret = secret.reveal().as_bytes();
        if secret.len() < SECRET_BYTES_MIN {
            return Err(ConfigError::SecretTooShort);
        }
        let header = Header::new(Algorithm::Hs256.wire());
        Ok(Self {
            key: EncodingKey::from_secret(secret),
            header,
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
        })
    }

    /// Signs with an Ed25519 private key in PKCS #8 PEM.
    pub fn ed25519(pem: &Secret, issuer: &str, audience: &str) -> Result<Self, ConfigError> {
        let key =
            EncodingKey::from_ed_pem(pem.reveal().as_bytes()).map_err(|_| KeyError::NotEd25519)?;
        Ok(Self {
            key,
            header: Header::new(Algorithm::EdDsa.wire()),
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
        })
    }

    /// Signs with a key of ours (Ed25519), and names it in every token.
    pub fn of_key(key: &SigningKey, issuer: &str, audience: &str) -> Self {
        let mut header = Header::new(Algorithm::EdDsa.wire());
        header.kid = Some(key.id().to_owned());
        Self {
            key: EncodingKey::from_ed_der(key.pkcs8()),
            header,
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
        }
    }

    /// Names the key in every token, for verifiers that know several.
    pub fn with_key_id(mut self, id: impl Into<String>) -> Self {
        self.header.kid = Some(id.into());
        self
    }

    pub fn mint(&self, token: &NewToken<'_>) -> Result<String, MintError> {
        let now = token.now.as_micros() / 1_000_000;
        let lifetime = i64::try_from(token.lifetime.as_secs()).unwrap_or(i64::MAX);
        let claims = WireClaims {
            iss: &self.issuer,
            aud: &self.audience,
            sub: token.user.as_str(),
            iat: now,
            exp: now.saturating_add(lifetime),
            jti: token.token_id,
            sid: token.session,
        };
        jsonwebtoken::encode(&self.header, &claims, &self.key).map_err(|_| MintError::Signing)
    }
}

impl fmt::Debug for Minter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minter")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}
