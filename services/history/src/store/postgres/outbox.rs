//! The outbox: rows are claimed by locking them, so that a claim ends with its owner, however it ends.

use async_trait::async_trait;
use hubbub_domain::{Rev, RoomId, Timestamp};
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;

use super::{epochs, read};
use crate::store::{Backlog, Changes, Claim, OutboxId, Range, StoreError, record::unsigned};

struct PostgresClaim {
    tx: Transaction<'static, Postgres>,
    rows: Vec<i64>,
    ranges: Vec<Range>,
}

#[derive(sqlx::FromRow)]
struct OutboxRow {
    id: i64,
    rooms: Vec<Uuid>,
    first_revs: Vec<i64>,
    last_revs: Vec<i64>,
}

pub(super) async fn claim(
    pool: &PgPool,
    before: Timestamp,
    rows_max: u32,
) -> Result<Box<dyn Claim>, StoreError> {
    let mut tx = pool.begin().await?;
    epochs::current(&mut tx).await?;
    let rows: Vec<OutboxRow> = sqlx::query_as(
        "SELECT id, rooms, first_revs, last_revs FROM history.outbox
         WHERE created_at_us < $1
         ORDER BY id
         LIMIT $2
         FOR UPDATE SKIP LOCKED",
    )
    .bind(before.as_micros())
    .bind(i64::from(rows_max))
    .fetch_all(&mut *tx)
    .await?;
    let mut ranges = Vec::new();
    for row in &rows {
        row.ranges(&mut ranges)?;
    }
    Ok(Box::new(PostgresClaim { tx, rows: rows.iter().map(|row| row.id).collect(), ranges }))
}

impl OutboxRow {
    fn ranges(&self, ranges: &mut Vec<Range>) -> Result<(), StoreError> {
        for ((room, first), last) in self.rooms.iter().zip(&self.first_revs).zip(&self.last_revs) {
            ranges.push(Range {
                room: RoomId::from_uuid(*room),
                first: Rev(unsigned(*first)?),
                last: Rev(unsigned(*last)?),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl Claim for PostgresClaim {
    fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    async fn changes(&mut self, range: Range) -> Result<Changes, StoreError> {
        let (after, limit) = range.after_and_limit();
        read::changes_on(&mut self.tx, range.room, after, limit).await
    }

    async fn finish(mut self: Box<Self>) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM history.outbox WHERE id = ANY ($1)")
            .bind(&self.rows)
            .execute(&mut *self.tx)
            .await?;
        self.tx.commit().await?;
        Ok(())
    }
}

pub(super) async fn finish(pool: &PgPool, rows: &[OutboxId]) -> Result<(), StoreError> {
    let (rows, epoch) = of_newest_epoch(rows);
    sqlx::query(
        "DELETE FROM history.outbox WHERE id IN (
             SELECT id FROM history.outbox
             WHERE id = ANY ($1) AND $2 = (SELECT epoch FROM history.current)
             FOR UPDATE SKIP LOCKED
         )",
    )
    .bind(rows)
    .bind(epoch)
    .execute(pool)
    .await?;
    Ok(())
}

/// The rows that were written in the epoch of the last one. The others are left to the sweep.
pub(super) fn of_newest_epoch(rows: &[OutboxId]) -> (Vec<i64>, Option<Uuid>) {
    let epoch = rows.last().map(|row| row.epoch);
    let rows = rows.iter().filter(|row| Some(row.epoch) == epoch).map(|row| row.row);
    (rows.collect(), epoch)
}

pub(super) async fn backlog(pool: &PgPool) -> Result<Backlog, StoreError> {
    let (rows, oldest): (i64, Option<i64>) =
        sqlx::query_as("SELECT count(*), min(created_at_us) FROM history.outbox")
            .fetch_one(pool)
            .await?;
    Ok(Backlog { rows: unsigned(rows)?, oldest: oldest.map(Timestamp::from_micros) })
}
