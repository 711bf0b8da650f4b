//! History in one SQLite file, for a single process.
//!
//! All writes go through one connection and take the file's write lock at their beginning
//! (`BEGIN IMMEDIATE`), so that what a writer has read stays true until its commit. Readers use
//! connections of their own; every read is a single statement and so of one moment (WAL).

mod append;
mod change;
mod epochs;
mod outbox;
mod read;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use hubbub_domain::{Rev, RoomId, Seq, Timestamp, UserId};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{
    Backlog, Batch, Cause, ChangeError, Changes, Claim, Committed, Deletion, Edit, EditsWish,
    Heads, Marker, OutboxId, Page, RankedRoom, Ranking, Reacting, Recorded, Senders, Store,
    StoreError, Survived, Version,
};
use crate::{config::SqliteConfig, rules::Window};

/// See the module.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    /// One connection.
    writer: SqlitePool,
    readers: SqlitePool,
    /// Held by whoever claimed the outbox: this process is the only one that sweeps.
    sweeping: Arc<Mutex<()>>,
}

impl SqliteStore {
    /// Opens the file, makes it when it is absent, and brings its tables up to date.
    pub async fn open(file: &Path, config: &SqliteConfig) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(config.busy_timeout);
        let pool = || SqlitePoolOptions::new().acquire_timeout(config.busy_timeout);
        let writer = pool().max_connections(1).connect_with(options.clone()).await?;
        sqlx::migrate!("migrations/sqlite")
            .set_ignore_missing(true)
            .run(&writer)
            .await
            .map_err(|error| StoreError::Defect(format!("the migrations do not apply: {error}")))?;
        let readers = pool()
            .max_connections(config.readers_max)
            .connect_with(options.create_if_missing(false))
            .await?;
        Ok(Self { writer, readers, sweeping: Arc::default() })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn append(&self, batch: Batch<'_>) -> Result<Committed, StoreError> {
        append::append(&self.writer, batch).await
    }

    async fn edit(&self, edit: &Edit) -> Result<Recorded, ChangeError> {
        change::edit(&self.writer, edit).await
    }

    async fn delete(&self, deletion: &Deletion) -> Result<Recorded, ChangeError> {
        change::delete(&self.writer, deletion).await
    }

    async fn react(&self, reacting: &Reacting) -> Result<Recorded, ChangeError> {
        change::react(&self.writer, reacting).await
    }

    async fn page(&self, room: RoomId, window: Window) -> Result<Page, StoreError> {
        read::page(&self.readers, room, window).await
    }

    async fn changes(&self, room: RoomId, after: Rev, limit: u32) -> Result<Changes, StoreError> {
        read::changes(&self.readers, room, after, limit).await
    }

    async fn heads(&self, markers: &[Marker], user: Option<&UserId>) -> Result<Heads, StoreError> {
        read::heads(&self.readers, markers, user).await
    }

    async fn edits(&self, wish: &EditsWish) -> Result<Vec<Version>, ChangeError> {
        read::edits(&self.readers, wish).await
    }

    async fn senders(&self, room: RoomId, seq: Seq) -> Result<Option<Senders>, StoreError> {
        read::senders(&self.readers, room, seq).await
    }

    async fn wrote(&self, senders: &[(RoomId, UserId)]) -> Result<Vec<usize>, StoreError> {
        read::wrote(&self.readers, senders).await
    }

    async fn rank(&self, ranking: &Ranking) -> Result<Vec<RankedRoom>, StoreError> {
        read::rank(&self.readers, ranking).await
    }

    async fn epoch(&self) -> Result<Uuid, StoreError> {
        Ok(sqlx::query_scalar("SELECT epoch FROM meta").fetch_one(&self.readers).await?)
    }

    async fn new_epoch(&self, cause: Cause) -> Result<Uuid, StoreError> {
        epochs::begin(&self.writer, cause).await
    }

    async fn survived(&self, epoch: Uuid, rooms: &[RoomId]) -> Result<Survived, StoreError> {
        epochs::survived(&self.readers, epoch, rooms).await
    }

    async fn claim(&self, before: Timestamp, rows_max: u32) -> Result<Box<dyn Claim>, StoreError> {
        outbox::claim(self, before, rows_max).await
    }

    async fn finish(&self, rows: &[OutboxId]) -> Result<(), StoreError> {
        outbox::finish(&self.writer, rows.iter().map(|row| row.row)).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        outbox::backlog(&self.readers).await
    }
}
