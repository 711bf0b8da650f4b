//! The port to the cluster's own issuer of tokens: which keys it signs with, and whether what it (or
//! anybody else) has granted still holds. Asked by [`Verifier`](crate::Verifier), so that no door can
//! forget to.

use async_trait::async_trait;

use crate::{AuthError, Claims};

/// Who issues the cluster's own tokens, and takes them back.
#[async_trait]
pub trait Issuer: Send + Sync + 'static {
    /// The JWK set that its tokens are checked with. Bounded in time by the caller.
    async fn keys(&self) -> Result<Vec<u8>, Unreachable>;

    /// Whether a token that was found to be well signed and in time still holds: `Revoked` when its
    /// session has ended, `Banned` when its user is banned, `StateUnavailable` when nobody can say. Called for
    /// every token, so an answer may be remembered for a moment.
    async fn holds(&self, claims: &Claims) -> Result<(), AuthError>;
}

/// The issuer does not answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);
