//! A primary and a standby behind an address that follows the primary: what a failover manager makes of
//! Postgres. The standby replicates over a link of its own, which can be held up to lose a tail.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use parking_lot::Mutex;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::sync::Mutex as AsyncMutex;

use super::{Fsync, Postgres};
use crate::{Blow, ChaosProxy, eventually};

/// The first database that a server makes.
const DATABASE: &str = "test_0";
const STREAMING_WITHIN: Duration = Duration::from_secs(30);

/// Whether a commit waits for the standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    Synchronous,
    Asynchronous,
}

/// How a primary ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// `kill -9`: its connections break.
    Killed,
    /// It hangs: its connections stay open and silent until it is fenced off.
    Hung,
}

/// One failover.
#[derive(Clone, Copy, Debug)]
pub struct Failover {
    pub ending: Ending,
    /// For how long before the end the standby receives nothing: all that is committed then is lost.
    pub tail: Duration,
}

/// See the module.
pub struct Replicated {
    front: ChaosProxy,
    primary: Mutex<Arc<Postgres>>,
    standby: AsyncMutex<Standby>,
}

struct Standby {
    server: Postgres,
    /// From the standby to its primary.
    link: ChaosProxy,
}

impl Standby {
    async fn of(primary: &Postgres) -> Result<Self> {
        let link = ChaosProxy::start(format!("127.0.0.1:{}", primary.port())).await?;
        let server = Postgres::standby_of(link.port(), Fsync::Off).await?;
        let standby = Self { server, link };
        standby.streams_from(primary).await?;
        Ok(standby)
    }

    async fn streams_from(&self, primary: &Postgres) -> Result<()> {
        let url = &primary.url();
        let streams = || async move {
            let Ok(mut connection) = PgConnection::connect(url).await else { return false };
            let query = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
            let found = sqlx::query_scalar::<_, i64>(query).fetch_one(&mut connection).await;
            found.is_ok_and(|found| found > 0)
        };
        let begun = tokio::time::timeout(STREAMING_WITHIN, eventually(STREAMING_WITHIN, streams));
        begun.await.context("the standby does not stream")
    }
}

impl Replicated {
    /// Puts a standby behind a running server.
    pub async fn behind(primary: Arc<Postgres>) -> Result<Self> {
        let front = ChaosProxy::start(format!("127.0.0.1:{}", primary.port())).await?;
        let standby = Standby::of(&primary).await?;
        Ok(Self { front, primary: Mutex::new(primary), standby: AsyncMutex::new(standby) })
    }

    /// The port of the address that follows the primary.
    pub fn port(&self) -> u16 {
        self.front.port()
    }

    /// An address of the primary, as one that follows it.
    pub fn following(&self, url: &str) -> String {
        let port = self.primary().port();
        url.replacen(&format!(":{port}/"), &format!(":{}/", self.port()), 1)
    }

    /// The primary of now.
    pub fn primary(&self) -> Arc<Postgres> {
        Arc::clone(&self.primary.lock())
    }

    /// Where the standby itself listens.
    pub async fn standby_port(&self) -> u16 {
        self.standby.lock().await.server.port()
    }

    /// Has commits wait for the standby, or not.
    pub async fn replicate(&self, replication: Replication) -> Result<()> {
        let names = match replication {
            Replication::Synchronous => "*",
            Replication::Asynchronous => "",
        };
        let mut connection = PgConnection::connect(&self.primary().url()).await?;
        let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'");
        connection.execute(AssertSqlSafe(set)).await?;
        connection.execute("SELECT pg_reload_conf()").await?;
        let connection = &Mutex::new(Some(connection));
        let applied = || async move {
            let Some(mut open) = connection.lock().take() else { return false };
            let shown = sqlx::query_scalar::<_, String>("SHOW synchronous_standby_names")
                .fetch_one(&mut open)
                .await;
            *connection.lock() = Some(open);
            shown.is_ok_and(|shown| shown == names)
        };
        eventually(STREAMING_WITHIN, applied).await;
        Ok(())
    }

    /// Ends the primary and promotes the standby. The address follows. Returns once the new primary takes
    /// writes; it has no standby of its own until [`Self::rebuild`].
    pub async fn fail_over(&self, failover: Failover) -> Result<()> {
        self.fail_over_with(failover, async |_| Ok(())).await
    }

    /// The same, with a look at the promoted server, by the address of its database, before anybody else
    /// reaches it.
    pub async fn fail_over_with(
        &self,
        failover: Failover,
        look: impl AsyncFnOnce(String) -> Result<()>,
    ) -> Result<()> {
        let standby = self.standby.lock().await;
        if !failover.tail.is_zero() {
            standby.link.pause();
            tokio::time::sleep(failover.tail).await;
        }
        let old = self.primary();
        match failover.ending {
            Ending::Killed => old.crash().await,
            Ending::Hung => old.halt(),
        }
        standby.link.set(|faults| faults.refuse = true);
        standby.link.strike(Blow::Reset);
        promote(&standby.server).await?;
        look(standby.server.url_of(DATABASE)).await?;
        self.front.lead_to(format!("127.0.0.1:{}", standby.server.port()));
        Ok(())
    }

    /// Fences off the old primary, and gives the new one a standby.
    pub async fn rebuild(&self) -> Result<()> {
        let mut standby = self.standby.lock().await;
        let mut connection = PgConnection::connect(&standby.server.url()).await?;
        let standby_still = "SELECT pg_is_in_recovery()";
        let waits: bool = sqlx::query_scalar(standby_still).fetch_one(&mut connection).await?;
        ensure!(!waits, "nothing was promoted");
        self.primary().crash().await;
        let next = Standby::of(&standby.server).await?;
        let promoted = std::mem::replace(&mut *standby, next).server;
        *self.primary.lock() = Arc::new(promoted);
        Ok(())
    }
}

async fn promote(standby: &Postgres) -> Result<()> {
    let mut connection = PgConnection::connect(&standby.url()).await?;
    // What the old primary waited for, nobody waits for here: there is no standby yet.
    let promoted: bool =
        sqlx::query_scalar("SELECT pg_promote(true, 60)").fetch_one(&mut connection).await?;
    ensure!(promoted, "the standby was not promoted in time");
    connection.execute("ALTER SYSTEM SET synchronous_standby_names = ''").await?;
    connection.execute("SELECT pg_reload_conf()").await?;
    connection.close().await?;
    Ok(())
}
