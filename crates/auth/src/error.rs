//! What can be wrong with a token, with the settings, or with a token to be made.
//!
//! The texts are written for the person who reads them and say which part is wrong, never what
//! stood there. [`AuthError`] becomes a [`Fault`] here and nowhere else.

use std::{io, path::PathBuf};

use hubbub_domain::{Code, Fault};

use crate::{TOKEN_BYTES_MAX, config::SECRET_BYTES_MIN};

/// Why a token does not pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    #[error("no token was given")]
    NoToken,
    #[error("the token has more than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    #[error("the token is not three base64url parts")]
    NotAToken,
    #[error("the token's header is malformed, or its algorithm is unknown here")]
    Header,
    #[error("the token's header has `{0}`, which is not accepted here")]
    HeaderParameter(&'static str),
    #[error("the token's type is not that of an access token")]
    TokenType,
    #[error("no key that is known here fits the token")]
    UnknownKey,
    #[error("the token's signature does not hold")]
    Signature,
    #[error("the token's claims are malformed, or one of them stands twice")]
    Claims,
    #[error("the token's `{0}` is missing or malformed")]
    Claim(&'static str),
    #[error("the token comes from another issuer")]
    Issuer,
    #[error("the token is meant for another audience")]
    Audience,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Not the caller's fault: the same token may pass later.
    #[error("the issuer's keys cannot be read at the moment")]
    KeysUnavailable,
    /// It was good, and its session has ended since.
    #[error("the token was taken back; log in again")]
    Revoked,
    /// It was good, and its user has been banned since.
    #[error("this user is banned")]
    Banned,
    /// Not the caller's fault: the same token may pass later.
    #[error("whether the token still holds cannot be asked at the moment")]
    StateUnavailable,
}

impl AuthError {
    /// The same token may pass later.
    pub const fn passing(&self) -> bool {
        matches!(self, Self::KeysUnavailable | Self::StateUnavailable)
    }
}

impl From<AuthError> for Fault {
    fn from(error: AuthError) -> Self {
        let code = match &error {
            AuthError::Banned => return Self::banned(),
            error if error.passing() => Code::Unavailable,
            _ => Code::Unauthenticated,
        };
        Self::new(code, error.to_string())
    }
}

/// Why the settings do not make a verifier (or a minter).
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("auth: no keys: set at least one of secret, public_key_files and jwks_url")]
    NoKeys,
    #[error("auth.{0} is empty")]
    Empty(&'static str),
    #[error("auth.{0} is 0")]
    Zero(&'static str),
    #[error("auth.secret has fewer than {SECRET_BYTES_MIN} bytes")]
    SecretTooShort,
    #[error("auth.jwks_algorithms has HS256: a published secret is none")]
    SharedSecretInJwks,
    #[error("auth.jwks_url is neither https nor http on a loopback address")]
    JwksUrl,
    #[error("auth: no client for jwks_url: {0}")]
    JwksClient(String),
    #[error("auth: cannot read {path}: {source}", path = path.display())]
    KeyFile { path: PathBuf, source: io::Error },
    #[error("auth: {path}: {problem}", path = path.display())]
    KeyIn { path: PathBuf, problem: KeyError },
    #[error("auth: {0}")]
    Key(#[from] KeyError),
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("there is no PEM public key in it")]
    NoKey,
    #[error("it holds a private key; only public keys belong here")]
    Private,
    #[error("the key is none of Ed25519, P-256 and RSA")]
    Kind,
    #[error("the RSA key is not between 2048 and 8192 bits")]
    RsaSize,
    #[error("the private key is not Ed25519 in PKCS #8 PEM")]
    NotEd25519,
    #[error("no key could be made")]
    NotMade,
}

/// Why a token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    #[error("the key does not sign")]
    Signing,
}
