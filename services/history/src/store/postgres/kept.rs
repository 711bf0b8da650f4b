//! Connections kept for single statements: what is done for every message and every page.
//!
//! The pool asks a connection whether it is well whenever it is given back. For a message that comes
//! alone that is as many round trips again as the message itself takes, so these connections are not given
//! back between two statements. One whose statement did not end is closed: nobody knows what it would
//! say next, or whether it would say anything.

use std::time::{Duration, Instant};

use hubbub_postgres::{TRUSTED_IDLE, is_standby, is_writable};
use parking_lot::Mutex;
use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};

/// Then it goes back to the pool, which replaces connections of a certain age.
const KEPT_MAX: Duration = Duration::from_mins(10);

#[derive(Debug)]
pub(super) struct Kept {
    pool: PgPool,
    /// The one used last is used next. At the bound a connection goes back to the pool.
    idle: Mutex<Vec<Idle>>,
    idle_max: usize,
}

#[derive(Debug)]
struct Idle {
    connection: PoolConnection<Postgres>,
    used_at: Instant,
    kept_since: Instant,
}

/// A connection for one statement.
pub(super) struct Lease<'a> {
    kept: &'a Kept,
    connection: Option<PoolConnection<Postgres>>,
    kept_since: Instant,
}

impl Kept {
    pub(super) fn new(pool: PgPool, idle_max: usize) -> Self {
        Self { pool, idle: Mutex::default(), idle_max }
    }

    pub(super) async fn take(&self) -> Result<Lease<'_>, sqlx::Error> {
        loop {
            let idle = self.idle.lock().pop();
            let Some(Idle { connection, used_at, kept_since }) = idle else { break };
            let mut lease = Lease { kept: self, connection: Some(connection), kept_since };
            let trusted = used_at.elapsed() <= TRUSTED_IDLE;
            if trusted || is_writable(lease.connection()).await.is_ok() {
                return Ok(lease);
            }
        }
        let connection = self.pool.acquire().await?;
        Ok(Lease { kept: self, connection: Some(connection), kept_since: Instant::now() })
    }
}

impl Lease<'_> {
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("until it is given back")
    }

    /// Keeps the connection after a statement that has ended, well or badly.
    pub(super) fn settle<T>(mut self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        let ended = match &result {
            Ok(_) => true,
            // A demoted server's connections are replaced.
            Err(error @ sqlx::Error::Database(_)) => !is_standby(error),
            Err(_) => false,
        };
        if ended && let Some(connection) = self.connection.take() {
            let mut idle = self.kept.idle.lock();
            if idle.len() < self.kept.idle_max && self.kept_since.elapsed() < KEPT_MAX {
                let kept_since = self.kept_since;
                idle.push(Idle { connection, used_at: Instant::now(), kept_since });
            }
        }
        result
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.close_on_drop();
        }
    }
}
