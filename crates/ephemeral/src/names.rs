//! Who holds which name: nicknames that are unique in the whole cluster, and whatever else one of many
//! may have.

use std::time::Duration;

use async_trait::async_trait;

use crate::EphemeralError;

/// A name and who claims it. Both are opaque here: fold case before, and make the owner say which
/// session it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub key: String,
    pub owner: String,
}

/// What a claim came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The name is the owner's for the time given, whether it was before or not.
    Held,
    /// Somebody else has it.
    Taken,
}

/// Names, unique within a scope. A scope is ours to choose, never a client's, and as large as one
/// Redis node carries: all of its names live in one slot.
#[async_trait]
pub trait Names: Send + Sync + 'static {
    /// Claims names or renews the claims, all in one call; an answer for each. What expired and was not
    /// taken meanwhile is claimed again.
    async fn claim(
        &self,
        scope: &str,
        names: &[Name],
        ttl: Duration,
    ) -> Result<Vec<Claim>, EphemeralError>;

    /// Gives names back; those that others hold stay theirs.
    async fn release(&self, scope: &str, names: &[Name]) -> Result<(), EphemeralError>;

    /// Who holds a name.
    async fn owner(&self, scope: &str, key: &str) -> Result<Option<String>, EphemeralError>;

    /// How many names are held in the scope; those of the dead are not counted once they expired.
    async fn count(&self, scope: &str) -> Result<u64, EphemeralError>;
}
