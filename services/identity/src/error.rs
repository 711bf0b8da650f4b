//! What can go wrong in a store, and the one place where that becomes a [`Fault`].
//!
//! What may pass (a lost connection, a full pool, a deadlock, a time-out) is `Unavailable`: callers
//! may try again. What will not is `Failed` or `Corrupt`: a defect of ours, told as `internal`.

use hubbub_domain::Fault;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The rules or the input say no.
    #[error(transparent)]
    Refused(#[from] Fault),
    #[error("the store does not answer: {0}")]
    Unavailable(#[source] sqlx::Error),
    #[error("the store failed: {0}")]
    Failed(#[source] sqlx::Error),
    #[error("the store holds what it should not: {0}")]
    Corrupt(&'static str),
    #[error("the store cannot be set up: {0}")]
    Setup(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if passing(&error) { Self::Unavailable(error) } else { Self::Failed(error) }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(fault) => fault,
            StoreError::Unavailable(error) => {
                tracing::warn!(%error, "the identity store does not answer");
                Self::unavailable("the identity store does not answer")
            }
            StoreError::Failed(_) | StoreError::Corrupt(_) | StoreError::Setup(_) => {
                tracing::error!(%error, "the identity store failed");
                Self::new(hubbub_domain::Code::Internal, "the identity store failed")
            }
        }
    }
}

/// Whether the same statement may succeed later.
fn passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some(code) if code.len() == 5 => postgres_passing(code),
            Some(code) => sqlite_passing(code),
            None => false,
        },
        _ => false,
    }
}

/// PostgreSQL, appendix A: connection, resources, operator intervention and system errors, lost
/// races (40), locks not to be had in time, and a server that is read-only during a failover.
fn postgres_passing(code: &str) -> bool {
    matches!(&code[..2], "08" | "40" | "53" | "57" | "58")
        || matches!(code, "55P03" | "55000" | "25006")
}

/// SQLite's extended result codes; the primary code is the low byte: busy, locked, I/O error, full.
fn sqlite_passing(code: &str) -> bool {
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13))
}

#[cfg(test)]
mod tests {
    use super::{postgres_passing, sqlite_passing};

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        for code in
            ["55000", "08006", "40001", "40P01", "53300", "57P01", "57014", "55P03", "25006"]
        {
            assert!(postgres_passing(code), "{code}");
        }
        for code in ["23505", "42P01", "22021"] {
            assert!(!postgres_passing(code), "{code}");
        }
        for code in ["5", "6", "517", "13", "778"] {
            assert!(sqlite_passing(code), "{code}");
        }
        assert!(!sqlite_passing("1555"));
    }
}
