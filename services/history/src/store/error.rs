//! Why a store did not do what it was asked, and how a database's own errors become that.
//!
//! A database's words can quote what it was given, a message's text included: only its codes are kept.

use hubbub_domain::Fault;

use crate::rules::ChangeRefused;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, is too busy or took too long. The same call may succeed later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The store undid it in favour of another transaction: nothing was done.
    #[error("the store is contended")]
    Contended,
    /// The server is another one than that of the current epoch: nothing was done.
    #[error("the server has not begun an epoch")]
    OtherServer,
    /// A defect: ours, or of what is stored.
    #[error("the store failed: {0}")]
    Defect(String),
}

/// Why a message was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error(transparent)]
    Refused(#[from] ChangeRefused),
    /// The new body is over a bound.
    #[error(transparent)]
    Body(#[from] Fault),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ChangeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                of_database(database.as_ref(), &code)
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error.to_string()),
            // What a connection says that is cut in the middle of an answer.
            sqlx::Error::Protocol(_) => Self::Unavailable("the connection broke".into()),
            sqlx::Error::RowNotFound => Self::Defect("a row is missing".into()),
            sqlx::Error::ColumnDecode { index, .. } => {
                Self::Defect(format!("column {index} does not decode"))
            }
            _ => Self::Defect("the database driver failed".into()),
        }
    }
}

fn of_database(error: &dyn sqlx::error::DatabaseError, code: &str) -> StoreError {
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return of_postgres(code);
    }
    of_sqlite(code)
}

/// By the class of the SQLSTATE (PostgreSQL manual, appendix A).
fn of_postgres(code: &str) -> StoreError {
    match code {
        "40001" | "40P01" => StoreError::Contended,
        // `history.append_v3`.
        "HB001" => StoreError::OtherServer,
        // A server that is read-only or recovering is not the primary.
        "25006" | "55000" => StoreError::Unavailable(format!("SQLSTATE {code}")),
        _ => match code.get(..2) {
            // Connections, resources, an operator's or a time-out's cancellation, the system.
            Some("08" | "53" | "57" | "58") => StoreError::Unavailable(format!("SQLSTATE {code}")),
            _ => StoreError::Defect(format!("SQLSTATE {code}")),
        },
    }
}

/// By the primary result code (sqlite.org/rescode.html): busy, locked, out of memory, I/O, full, and a
/// file that cannot be opened may all pass.
fn of_sqlite(code: &str) -> StoreError {
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6 | 7 | 10 | 13 | 14) => StoreError::Unavailable(format!("SQLite code {code}")),
        _ => StoreError::Defect(format!("SQLite code {code}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{StoreError, of_postgres, of_sqlite};

    #[test]
    fn whose_fault_it_is() {
        for code in ["57014", "57P01", "53300", "08006", "25006", "55000"] {
            assert!(matches!(of_postgres(code), StoreError::Unavailable(_)), "{code}");
        }
        for code in ["40001", "40P01"] {
            assert!(matches!(of_postgres(code), StoreError::Contended), "{code}");
        }
        for code in ["22P05", "23505", "42P01", ""] {
            assert!(matches!(of_postgres(code), StoreError::Defect(_)), "{code}");
        }
        assert!(matches!(of_postgres("HB001"), StoreError::OtherServer));
        assert!(matches!(of_sqlite("5"), StoreError::Unavailable(_)));
        assert!(matches!(of_sqlite("2067"), StoreError::Defect(_)));
    }
}
