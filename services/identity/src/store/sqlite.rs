//! The SQLite adapter. One connection writes, each transaction from its start (`BEGIN IMMEDIATE`), so
//! writers queue up instead of failing; others read beside it (WAL). A commit is on disk before it is
//! answered (`synchronous = FULL`).

use sqlx::{
    SqliteConnection, SqlitePool,
    migrate::Migrator,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::Result;
use crate::{config::SqliteConfig, error::StoreError};

/// The texts of a JSON parameter as rows.
macro_rules! listed {
    ($list:literal) => {
        concat!("(SELECT value FROM json_each(", $list, "))")
    };
}

/// The pairs of texts of a JSON parameter as rows.
macro_rules! paired {
    ($list:literal) => {
        concat!(
            "(SELECT key AS place, value ->> 0 AS one, value ->> 1 AS other FROM json_each(",
            $list,
            "))"
        )
    };
}

#[path = "statements/adapter.rs"]
mod adapter;
#[path = "statements/attempts.rs"]
mod attempts;
#[path = "statements/contacts.rs"]
mod contacts;
#[path = "statements/keys.rs"]
mod keys;
#[path = "statements/people.rs"]
mod people;
#[path = "statements/sessions.rs"]
mod sessions;

type Database = sqlx::Sqlite;
type Connection = SqliteConnection;
type Adapter = SqliteStore;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// People in one SQLite file, for one process.
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, making it if need be, and brings the tables up to date.
    pub async fn open(url: &str, config: &SqliteConfig) -> Result<Self> {
        let options: SqliteConnectOptions = url
            .parse()
            .map_err(|_| StoreError::Setup("the database's address is malformed".to_owned()))?;
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(config.busy_timeout);
        let pool = SqlitePoolOptions::new()
            .acquire_timeout(config.busy_timeout)
            .idle_timeout(None)
            .max_lifetime(None);
        let writer = pool.clone().max_connections(1).connect_with(options.clone()).await?;
        MIGRATIONS.run(&writer).await.map_err(|error| StoreError::Setup(error.to_string()))?;
        let readers = pool
            .max_connections(config.readers_max)
            .connect_with(options.pragma("query_only", "on"))
            .await?;
        Ok(Self { writer, readers })
    }

    async fn begin(&self) -> Result<sqlx::Transaction<'static, Database>> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// A file has no pool worth watching.
    #[expect(clippy::unused_self, reason = "the adapter for Postgres needs it")]
    fn observe(&self) {}

    async fn reader(&self) -> Result<PoolConnection<Database>> {
        Ok(self.readers.acquire().await?)
    }
}
