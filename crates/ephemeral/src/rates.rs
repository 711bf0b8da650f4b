//! How fast somebody goes, counted in the whole cluster: GCRA, the generic cell rate algorithm (ITU-T
//! I.371), with a debt. What was spent beyond the burst is not refused here, it has to be waited for:
//! so a caller may let things pass first and count them after.

use std::time::Duration;

use async_trait::async_trait;

use crate::EphemeralError;

/// No debt is longer than this, whatever is spent.
pub const DEBT_MAX: Duration = Duration::from_mins(1);

/// So many at once, and one more with every interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub burst: u32,
    pub interval: Duration,
}

/// Some of a rate, spent under a key that names who and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spending {
    pub key: String,
    pub amount: u32,
    pub rate: Rate,
}

/// Where a key stands after a spending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// How far beyond the burst; zero while all of it was allowed.
    pub over: Duration,
    /// How long until one more is within the rate.
    pub wait: Duration,
}

/// The cluster's accounts. One that has caught up with its rate takes no memory.
#[async_trait]
pub trait Rates: Send + Sync + 'static {
    /// Writes spendings down, all in one call; a balance for each.
    async fn spend(&self, spendings: &[Spending]) -> Result<Vec<Balance>, EphemeralError>;

    /// Spends an amount only if all of it is within the burst; else nothing is written, and the answer is
    /// how long until it is.
    async fn claim_rate(&self, claim: &Spending) -> Result<Option<Duration>, EphemeralError>;

    /// Takes back a part of what was claimed.
    async fn give_rate_back(&self, claim: &Spending) -> Result<(), EphemeralError>;
}
