//! Epochs of a file. They change on demand alone; the rules are those of Postgres.

use hubbub_domain::{Rev, RoomId, Seq};
use sqlx::{SqliteConnection, SqlitePool};
use uuid::Uuid;

use crate::store::{
    Cause, StoreError, Survived,
    record::{SurvivedRow, signed, to_json},
};

pub(super) async fn begin(pool: &SqlitePool, cause: Cause) -> Result<Uuid, StoreError> {
    let epoch = Uuid::new_v4();
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(
        "UPDATE meta SET epoch = $1, number = number + 1,
             oldest_number = CASE WHEN $2 THEN number + 1 ELSE oldest_number END",
    )
    .bind(epoch)
    .bind(cause == Cause::Restored)
    .execute(&mut *tx)
    .await?;
    sqlx::query("INSERT INTO epochs (epoch, number) SELECT epoch, number FROM meta")
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(epoch)
}

/// Notes where a room stood before its first change in this epoch. It had one already when it is noted.
pub(super) async fn note_fork(
    tx: &mut SqliteConnection,
    room: RoomId,
    (rev, seq): (Rev, Seq),
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO forks (room_id, number, rev, seq)
         SELECT $1, m.number, $2, $3
         FROM meta m LEFT JOIN heads h ON h.room_id = $1
         WHERE m.number > coalesce(h.epoch, 0)
         ON CONFLICT DO NOTHING",
    )
    .bind(room.as_uuid())
    .bind(signed(rev.0))
    .bind(signed(seq.0))
    .execute(&mut *tx)
    .await?;
    sqlx::query("UPDATE heads SET epoch = (SELECT number FROM meta) WHERE room_id = $1")
        .bind(room.as_uuid())
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn survived(
    pool: &SqlitePool,
    epoch: Uuid,
    rooms: &[RoomId],
) -> Result<Survived, StoreError> {
    let rooms: Vec<String> = rooms.iter().map(|room| room.as_uuid().simple().to_string()).collect();
    let rows = sqlx::query_as(include_str!("survived.sql"))
        .bind(to_json(&rooms))
        .bind(epoch)
        .fetch_all(pool)
        .await?;
    SurvivedRow::survived(&rows)
}
