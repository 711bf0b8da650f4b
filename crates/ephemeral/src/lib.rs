//! State that expires by itself: which gateways there are, who is online and who types, how many are in a
//! room, who holds which name, and how fast everybody goes.
//!
//! # The contract
//!
//! - **Everything has an end.** Whatever is written holds for the time it was given and is gone then,
//!   whoever wrote it lives or not. No adapter keeps anything that nobody renews.
//! - **An outage is an error, never an answer.** "The server cannot be reached" is
//!   [`EphemeralError::Unavailable`]; an empty answer means that there is nothing. Every call ends within
//!   the configured time-out.
//! - **Every call may be repeated**: the second time it finds done what the first one did. A call that
//!   failed may have been carried out.
//! - **Everything may be lost** when the server restarts empty. Who renews what they hold finds it
//!   there again; nothing here decides whether a message is stored or who may read it.
//! - **One clock**, the server's: processes whose clocks differ agree on what has expired.
//!
//! Each kind of state is a trait of its own with the rest of its contract. To add an adapter: implement
//! them, and run the suite of `tests/it/conformance.rs` on it.

mod config;
mod crowds;
mod local;
mod names;
mod nodes;
mod presence;
mod rates;
mod redis;
mod typing;

use std::sync::Arc;

use hubbub_domain::Clock;

pub use config::Config;
pub use crowds::{Crowd, Crowds};
pub use names::{Claim, Name, Names};
pub use nodes::{Node, Nodes};
pub use presence::{Availability, Cap, Entered, Lease, Leases, Presence, SessionKey, Terms};
pub use rates::{Balance, DEBT_MAX, Rate, Rates, Spending};
pub use typing::{TYPISTS_MAX, Typing, Typist};

/// All kinds of state; see the contract above.
pub trait Ephemeral: Nodes + Names + Typing + Leases + Crowds + Rates {}

impl<T: Nodes + Names + Typing + Leases + Crowds + Rates> Ephemeral for T {}

/// State among the parts of one process. What ends, ends by Tokio's clock, so that a test may hold it;
/// the other clock only says when somebody was last seen.
pub fn local(clock: Arc<dyn Clock>) -> Arc<dyn Ephemeral> {
    Arc::new(local::Local::new(clock))
}

/// State in Redis (7.0 or later), Valkey, or a Cluster of either; which one it is, the server says.
/// Returns at once: the server need not be reachable yet.
pub fn connect(config: &Config) -> Result<Arc<dyn Ephemeral>, EphemeralError> {
    Ok(Arc::new(redis::Redis::new(config)?))
}

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EphemeralError {
    /// The server cannot be reached or did not answer in time. The same call may succeed later.
    #[error("the ephemeral state cannot be reached: {0}")]
    Unavailable(String),
    /// The configuration does not describe a server.
    #[error("the ephemeral state is misconfigured: {0}")]
    Config(String),
}
