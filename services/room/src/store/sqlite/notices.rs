//! Undelivered notices. There is one process, so a claim is a lock in memory, and the writing
//! connection stays free while history is asked.

use async_trait::async_trait;
use hubbub_domain::{RoomId, Timestamp};
use sqlx::SqlitePool;
use tokio::sync::OwnedMutexGuard;

use super::WRITE;
use crate::{
    model::PendingNotice,
    store::{
        BACKLOG_COUNTED_MAX, Backlog, NoticeClaim, Result,
        rows::{NoticeRow, convert, signed, unsigned},
    },
};

/// How much to claim, and the lock; without it another claim has all rooms.
pub(super) struct ClaimWish {
    pub(super) rooms_max: u32,
    pub(super) notices_max: u32,
    pub(super) held: Option<OwnedMutexGuard<()>>,
}

struct Claim {
    writer: SqlitePool,
    notices: Vec<PendingNotice>,
    _held: Option<OwnedMutexGuard<()>>,
}

pub(super) async fn claim(
    readers: &SqlitePool,
    writer: &SqlitePool,
    wish: ClaimWish,
) -> Result<Box<dyn NoticeClaim>> {
    let mut notices = Vec::new();
    if wish.held.is_some() {
        let rows: Vec<NoticeRow> = sqlx::query_as(
            "SELECT room_id, position, payload, created_at_us FROM notices
             WHERE room_id IN (SELECT room_id FROM notices GROUP BY room_id
                               ORDER BY min(created_at_us) LIMIT $1)
             ORDER BY room_id, position LIMIT $2",
        )
        .bind(i64::from(wish.rooms_max))
        .bind(i64::from(wish.notices_max))
        .fetch_all(readers)
        .await?;
        notices = convert(rows)?;
    }
    Ok(Box::new(Claim { writer: writer.clone(), notices, _held: wish.held }))
}

#[async_trait]
impl NoticeClaim for Claim {
    fn notices(&self) -> &[PendingNotice] {
        &self.notices
    }

    async fn settle(self: Box<Self>, delivered: &[(RoomId, u64)]) -> Result<()> {
        let mut tx = self.writer.begin_with(WRITE).await?;
        for (room, position) in delivered {
            sqlx::query("DELETE FROM notices WHERE room_id = $1 AND position = $2")
                .bind(room.as_uuid())
                .bind(signed(*position))
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

pub(super) async fn backlog(readers: &SqlitePool) -> Result<Backlog> {
    let (pending, oldest): (i64, Option<i64>) = sqlx::query_as(
        "SELECT count(*), min(created_at_us) FROM (SELECT created_at_us FROM notices LIMIT $1)",
    )
    .bind(BACKLOG_COUNTED_MAX)
    .fetch_one(readers)
    .await?;
    Ok(Backlog { pending: unsigned(pending)?, oldest: oldest.map(Timestamp::from_micros) })
}
