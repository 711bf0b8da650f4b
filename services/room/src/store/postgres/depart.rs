//! People who left by themselves, and those who turn out not to exist.

use hubbub_domain::{RoomId, UserId};
use sqlx::{PgConnection, PgPool};

use super::{texts, write};
use crate::{
    change::Departed,
    store::{Result, rows::DepartedRow, rows::convert},
};

/// Those of the users who left the room by themselves.
pub(super) async fn among(
    connection: &mut PgConnection,
    room: RoomId,
    users: &[UserId],
) -> Result<Vec<Departed>> {
    let rows: Vec<DepartedRow> = sqlx::query_as(
        "SELECT user_id, for_good FROM room.departures
         WHERE room_id = $1 AND user_id = ANY($2)",
    )
    .bind(room.as_uuid())
    .bind(texts(users))
    .fetch_all(connection)
    .await?;
    convert(rows)
}

pub(super) async fn note(
    connection: &mut PgConnection,
    room: RoomId,
    departed: &Departed,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO room.departures (room_id, user_id, for_good) VALUES ($1, $2, $3)
         ON CONFLICT (room_id, user_id) DO UPDATE SET for_good = excluded.for_good",
    )
    .bind(room.as_uuid())
    .bind(departed.user.as_str())
    .bind(departed.for_good)
    .execute(connection)
    .await?;
    Ok(())
}

/// They are in the room again.
pub(super) async fn forget(
    connection: &mut PgConnection,
    room: RoomId,
    users: &[UserId],
) -> Result<()> {
    sqlx::query("DELETE FROM room.departures WHERE room_id = $1 AND user_id = ANY($2)")
        .bind(room.as_uuid())
        .bind(texts(users))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn set(pool: &PgPool, room: RoomId, departed: &Departed) -> Result<()> {
    sqlx::query("UPDATE room.departures SET for_good = $3 WHERE room_id = $1 AND user_id = $2")
        .bind(room.as_uuid())
        .bind(departed.user.as_str())
        .bind(departed.for_good)
        .execute(pool)
        .await?;
    Ok(())
}

pub(super) async fn part(pool: &PgPool, ghost: &UserId, room: RoomId) -> Result<()> {
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT FROM room.rooms WHERE room_id = $1 FOR UPDATE")
        .bind(room.as_uuid())
        .execute(&mut *tx)
        .await?;
    let others: Vec<String> =
        sqlx::query_scalar("SELECT user_id FROM room.members WHERE room_id = $1 AND user_id <> $2")
            .bind(room.as_uuid())
            .bind(ghost.as_str())
            .fetch_all(&mut *tx)
            .await?;
    for statement in [
        "DELETE FROM room.members WHERE room_id = $1 AND user_id = $2",
        "DELETE FROM room.records WHERE room_id = $1 AND user_id = $2",
        "DELETE FROM room.direct_rooms WHERE room_id = $1 AND $2 IN (user_low, user_high)",
        "UPDATE room.rooms SET state = 'dissolved', member_count =
             (SELECT count(*) FROM room.members WHERE room_id = $1 AND user_id <> $2)
         WHERE room_id = $1",
    ] {
        sqlx::query(statement).bind(room.as_uuid()).bind(ghost.as_str()).execute(&mut *tx).await?;
    }
    let mut concerned: Vec<UserId> = others
        .iter()
        .map(|user| crate::store::rows::parse(user, "a user id"))
        .collect::<Result<_>>()?;
    concerned.push(ghost.clone());
    concerned.sort();
    write::raise_versions(&mut tx, &concerned).await?;
    Ok(tx.commit().await?)
}
