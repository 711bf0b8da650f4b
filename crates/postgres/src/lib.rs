//! How every service connects to Postgres: a pool that holds connections to a writable server only.
//!
//! A connection to a standby, or to a server that was demoted, is closed instead of used, so that a pool
//! follows a failover. The address in front of the servers decides which one is reached; the pool
//! decides whether to believe it (libpq's `target_session_attrs=read-write`).

use std::{io, time::Duration};

use sqlx::{Connection as _, PgConnection, postgres::PgPoolOptions};

/// A connection that was idle for longer is checked before it is used.
pub const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// The longest a check may take. Connections that fell silent together are found one after the other, by
/// callers who wait for all of it.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// Makes a pool check its connections: new and idle ones fully, and that those answer which are given back.
#[must_use]
pub fn guarded(options: PgPoolOptions) -> PgPoolOptions {
    options
        // A check before every use would double the round trips of a read.
        .test_before_acquire(false)
        .after_connect(|connection, _| Box::pin(is_writable(connection)))
        .before_acquire(|connection, idle| {
            Box::pin(async move {
                if idle.idle_for > TRUSTED_IDLE {
                    is_writable(connection).await?;
                }
                Ok(true)
            })
        })
        // The pool's own check has no time-out: a silent connection would hold its place for ever.
        // A ping suffices: a server is demoted by a restart, which ends its connections.
        .after_release(|connection, _| {
            Box::pin(async move { answers(connection).await.map(|()| true) })
        })
}

/// Fails when the server does not answer in time.
async fn answers(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let answer = tokio::time::timeout(ANSWER_MAX, connection.ping()).await;
    answer.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

/// Fails when the server does not answer in time, is a standby, or is read-only.
pub async fn is_writable(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let asked = sqlx::query_scalar(
        "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'",
    );
    let answer = tokio::time::timeout(ANSWER_MAX, asked.fetch_one(connection)).await;
    let timed_out = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
    let writable: bool = answer.unwrap_or_else(timed_out)?;
    if writable { Ok(()) } else { Err(standby()) }
}

/// The error of a connection that reached a server which takes no writes.
#[must_use]
pub fn standby() -> sqlx::Error {
    let text = "the server is a standby or read-only; its connections are closed";
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, text).into()
}

/// The server said that it is a standby or read-only: its connection is of no use.
#[must_use]
pub fn is_standby(error: &sqlx::Error) -> bool {
    /// read_only_sql_transaction, and object_not_in_prerequisite_state: "recovery is in progress".
    const CODES: [&str; 2] = ["25006", "55000"];
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| CODES.contains(&&*code))
}
