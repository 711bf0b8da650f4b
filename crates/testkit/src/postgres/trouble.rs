//! Troubles of a running Postgres that no signal makes: backends terminated, commits that hang after
//! they are durable, locked tables, no slot left for a connection.
//!
//! Locks and slots are held as long as their value lives; held commits must be released.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::join_all;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::time::{Instant, sleep};

use super::Postgres;

/// Connections that are opened at the same time.
const AT_ONCE: usize = 16;
/// More than the server takes.
const SLOTS_MAX: usize = 256;
const POLL: Duration = Duration::from_millis(10);
/// What commits wait for while they are held: a standby that does not exist.
const NOBODY: &str = "hubbub_nobody";

/// Commits hang after they are durable and before they are answered.
#[must_use = "they hang until they are released"]
pub struct CommitsHeld(PgConnection);

/// Nobody else reads or writes the tables.
#[must_use = "it goes on as long as this lives"]
pub struct TablesLocked(#[expect(dead_code, reason = "its value is its end")] PgConnection);

/// Nobody else gets a connection.
#[must_use = "it goes on as long as this lives"]
pub struct SlotsTaken(Vec<PgConnection>);

impl Postgres {
    /// Terminates every connection but the caller's own; returns how many there were.
    pub async fn terminate_backends(&self) -> Result<u64> {
        let mut connection = self.connection().await?;
        terminate(&mut connection, "true").await
    }

    /// Makes commits hang once they are durable.
    pub async fn hold_commits(&self) -> Result<CommitsHeld> {
        let mut connection = self.connection().await?;
        let held = format!("ALTER SYSTEM SET synchronous_standby_names = '{NOBODY}'");
        // ALTER SYSTEM and its like do not run in the transaction that several statements make.
        connection.execute(AssertSqlSafe(held)).await?;
        connection.execute("SELECT pg_reload_conf()").await?;
        Ok(CommitsHeld(connection))
    }

    /// Lets them be answered again.
    pub async fn release_commits(&self) -> Result<()> {
        let mut connection = self.connection().await?;
        connection.execute("ALTER SYSTEM RESET synchronous_standby_names").await?;
        connection.execute("SELECT pg_reload_conf()").await?;
        Ok(())
    }

    /// Locks tables of a database against everybody.
    pub async fn lock_tables(&self, database: &str, tables: &str) -> Result<TablesLocked> {
        let mut connection = PgConnection::connect(database).await?;
        connection.execute("BEGIN").await?;
        let lock = format!("LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE");
        connection.execute(AssertSqlSafe(lock)).await?;
        Ok(TablesLocked(connection))
    }

    /// Connections that wait for a lock now.
    pub async fn waiting_for_locks(&self) -> Result<i64> {
        self.count("wait_event_type = 'Lock'").await
    }

    /// Takes every slot that is free, and then those of everybody who is connected.
    pub async fn take_slots(&self) -> Result<SlotsTaken> {
        let mut taken = Vec::new();
        self.take_free_slots(&mut taken).await;
        let first = taken.first_mut().context("no slot was free")?;
        let pids = "application_name IS DISTINCT FROM 'hubbub-slots'";
        terminate(first, pids).await?;
        // Whoever was thrown out may have been quicker.
        self.take_free_slots(&mut taken).await;
        Ok(SlotsTaken(taken))
    }

    /// Connections of clients, without the caller's own.
    pub async fn connections(&self) -> Result<i64> {
        self.count("true").await
    }

    async fn connection(&self) -> Result<PgConnection> {
        Ok(PgConnection::connect(&self.url()).await?)
    }

    async fn count(&self, which: &str) -> Result<i64> {
        let mut connection = self.connection().await?;
        let count = format!("SELECT count(*) FROM pg_stat_activity WHERE {OTHERS} AND {which}");
        let count = sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(count)
    }

    async fn take_free_slots(&self, taken: &mut Vec<PgConnection>) {
        let url = format!("{}?application_name=hubbub-slots", self.url());
        while taken.len() < SLOTS_MAX {
            let opened = join_all((0..AT_ONCE).map(|_| PgConnection::connect(&url))).await;
            let before = taken.len();
            taken.extend(opened.into_iter().flatten());
            if taken.len() < before + AT_ONCE {
                return;
            }
        }
    }
}

impl CommitsHeld {
    /// Terminates, for a while, every backend that hangs in its commit; returns how many there were.
    pub async fn terminate(&mut self, duration: Duration) -> Result<u64> {
        let end = Instant::now() + duration;
        let mut terminated = 0;
        while Instant::now() < end {
            terminated += terminate(&mut self.0, "wait_event = 'SyncRep'").await?;
            sleep(POLL).await;
        }
        Ok(terminated)
    }
}

impl SlotsTaken {
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Connections of clients, without the one that asks.
const OTHERS: &str = "backend_type = 'client backend' AND pid <> pg_backend_pid()";

async fn terminate(connection: &mut PgConnection, which: &str) -> Result<u64> {
    let terminate = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OTHERS} AND {which}"
    );
    Ok(connection.execute(AssertSqlSafe(terminate)).await?.rows_affected())
}
