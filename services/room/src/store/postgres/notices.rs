//! Undelivered notices. A claim is a transaction that holds the oldest notice of each of its rooms
//! locked: others skip those rooms, which keeps a room's notices in order over all instances. A
//! claim that is dropped, or whose instance dies, lets go by itself.

use async_trait::async_trait;
use hubbub_domain::{RoomId, Timestamp};
use sqlx::{PgPool, Postgres, Transaction};
use uuid::Uuid;

use crate::{
    model::PendingNotice,
    store::{
        BACKLOG_COUNTED_MAX, Backlog, NoticeClaim, Result,
        rows::{NoticeRow, convert, signed, unsigned},
    },
};

struct Claim {
    tx: Transaction<'static, Postgres>,
    notices: Vec<PendingNotice>,
}

pub(super) async fn claim(
    pool: &PgPool,
    rooms_max: u32,
    notices_max: u32,
) -> Result<Box<dyn NoticeClaim>> {
    let mut tx = pool.begin().await?;
    let rooms: Vec<Uuid> = sqlx::query_scalar(
        "SELECT n.room_id FROM room.notices n
         WHERE NOT EXISTS (SELECT FROM room.notices older
                           WHERE older.room_id = n.room_id AND older.position < n.position)
         ORDER BY n.created_at_us LIMIT $1
         FOR UPDATE OF n SKIP LOCKED",
    )
    .bind(i64::from(rooms_max))
    .fetch_all(&mut *tx)
    .await?;
    let rows: Vec<NoticeRow> = sqlx::query_as(
        "SELECT room_id, position, payload, created_at_us FROM room.notices
         WHERE room_id = ANY($1) ORDER BY room_id, position LIMIT $2",
    )
    .bind(&rooms)
    .bind(i64::from(notices_max))
    .fetch_all(&mut *tx)
    .await?;
    Ok(Box::new(Claim { tx, notices: convert(rows)? }))
}

#[async_trait]
impl NoticeClaim for Claim {
    fn notices(&self) -> &[PendingNotice] {
        &self.notices
    }

    async fn settle(mut self: Box<Self>, delivered: &[(RoomId, u64)]) -> Result<()> {
        sqlx::query(
            "DELETE FROM room.notices n
             USING UNNEST($1::uuid[], $2::bigint[]) AS d(room_id, position)
             WHERE n.room_id = d.room_id AND n.position = d.position",
        )
        .bind(delivered.iter().map(|(room, _)| room.as_uuid()).collect::<Vec<_>>())
        .bind(delivered.iter().map(|(_, position)| signed(*position)).collect::<Vec<_>>())
        .execute(&mut *self.tx)
        .await?;
        self.tx.commit().await?;
        Ok(())
    }
}

pub(super) async fn backlog(pool: &PgPool) -> Result<Backlog> {
    let (pending, oldest): (i64, Option<i64>) = sqlx::query_as(
        "SELECT count(*), min(n.created_at_us)
         FROM (SELECT created_at_us FROM room.notices LIMIT $1) n",
    )
    .bind(BACKLOG_COUNTED_MAX)
    .fetch_one(pool)
    .await?;
    Ok(Backlog { pending: unsigned(pending)?, oldest: oldest.map(Timestamp::from_micros) })
}
