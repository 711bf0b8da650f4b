//! The outbox of a single process: a lock in memory makes a claim, the rows stay as they are.

use async_trait::async_trait;
use hubbub_domain::{Rev, RoomId, Timestamp};
use sqlx::{SqliteConnection, SqlitePool};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::{SqliteStore, read};
use crate::store::{
    Backlog, Changes, Claim, OutboxId, Range, StoreError,
    record::{to_json, unsigned},
};

struct SqliteClaim {
    store: SqliteStore,
    rows: Vec<i64>,
    ranges: Vec<Range>,
    /// `None` when another claim stands: then there is nothing in this one.
    _sweeping: Option<OwnedMutexGuard<()>>,
}

type StoredRange = (Uuid, u64, u64);

/// Writes a row that says what was changed.
pub(super) async fn note(
    tx: &mut SqliteConnection,
    now: Timestamp,
    ranges: &[Range],
) -> Result<OutboxId, StoreError> {
    let ranges: Vec<StoredRange> =
        ranges.iter().map(|range| (range.room.as_uuid(), range.first.0, range.last.0)).collect();
    let (row, epoch) = sqlx::query_as(
        "INSERT INTO outbox (created_at_us, ranges) VALUES ($1, $2)
         RETURNING id, (SELECT epoch FROM meta)",
    )
    .bind(now.as_micros())
    .bind(to_json(&ranges))
    .fetch_one(tx)
    .await?;
    Ok(OutboxId { row, epoch })
}

pub(super) async fn claim(
    store: &SqliteStore,
    before: Timestamp,
    rows_max: u32,
) -> Result<Box<dyn Claim>, StoreError> {
    let sweeping = store.sweeping.clone().try_lock_owned().ok();
    let rows_max = if sweeping.is_some() { rows_max } else { 0 };
    let stored: Vec<(i64, String)> = sqlx::query_as(
        "SELECT id, ranges FROM outbox WHERE created_at_us < $1 ORDER BY id LIMIT $2",
    )
    .bind(before.as_micros())
    .bind(i64::from(rows_max))
    .fetch_all(&store.readers)
    .await?;
    let mut ranges = Vec::new();
    for (_, text) in &stored {
        ranges.extend(parse(text)?);
    }
    let rows = stored.into_iter().map(|(id, _)| id).collect();
    Ok(Box::new(SqliteClaim { store: store.clone(), rows, ranges, _sweeping: sweeping }))
}

fn parse(text: &str) -> Result<impl Iterator<Item = Range>, StoreError> {
    let stored: Vec<StoredRange> = serde_json::from_str(text)
        .map_err(|_| StoreError::Defect("an outbox row does not parse".into()))?;
    Ok(stored.into_iter().map(|(room, first, last)| Range {
        room: RoomId::from_uuid(room),
        first: Rev(first),
        last: Rev(last),
    }))
}

#[async_trait]
impl Claim for SqliteClaim {
    fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    async fn changes(&mut self, range: Range) -> Result<Changes, StoreError> {
        let (after, limit) = range.after_and_limit();
        read::changes(&self.store.readers, range.room, after, limit).await
    }

    async fn finish(self: Box<Self>) -> Result<(), StoreError> {
        finish(&self.store.writer, self.rows.iter().copied()).await
    }
}

pub(super) async fn finish(
    pool: &SqlitePool,
    rows: impl Iterator<Item = i64> + Send,
) -> Result<(), StoreError> {
    delete(&mut *pool.acquire().await?, rows).await
}

pub(super) async fn delete(
    tx: &mut SqliteConnection,
    rows: impl Iterator<Item = i64> + Send,
) -> Result<(), StoreError> {
    let rows: Vec<i64> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query("DELETE FROM outbox WHERE id IN (SELECT value FROM json_each($1))")
        .bind(to_json(&rows))
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn backlog(pool: &SqlitePool) -> Result<Backlog, StoreError> {
    let (rows, oldest): (i64, Option<i64>) =
        sqlx::query_as("SELECT count(*), min(created_at_us) FROM outbox").fetch_one(pool).await?;
    Ok(Backlog { rows: unsigned(rows)?, oldest: oldest.map(Timestamp::from_micros) })
}
