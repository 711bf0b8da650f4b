//! Making rooms. An anchor row (the pair, or the request) says that the room is there already.

use hubbub_domain::{Timestamp, UserId};
use sqlx::{SqliteConnection, SqlitePool};

use super::{WRITE, block, reads, write};
use crate::{
    blocking,
    error::StoreError,
    model::{Room, fold},
    store::{
        Made, NewDirect, NewRoom, Result,
        making::Making,
        rows::{RoomRow, room_columns},
    },
};

pub(super) async fn open_direct(pool: &SqlitePool, new: &NewDirect) -> Result<Made> {
    let mut tx = pool.begin_with(WRITE).await?;
    let anchored = sqlx::query(
        "INSERT INTO direct_rooms (user_low, user_high, room_id) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING",
    )
    .bind(new.low.as_str())
    .bind(new.high.as_str())
    .bind(new.id.as_uuid())
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if anchored == 0 {
        let room = reads::find_direct(&mut *tx, &new.low, &new.high).await?;
        return room.map(Made::found).ok_or(StoreError::Corrupt("a pair without its room"));
    }
    if block::between(&mut tx, &new.low, &new.high).await? {
        return Err(blocking::refusal().into());
    }
    let made = make(&mut tx, new.into()).await?;
    tx.commit().await?;
    Ok(made)
}

pub(super) async fn create_room(pool: &SqlitePool, new: &NewRoom) -> Result<Made> {
    let mut tx = pool.begin_with(WRITE).await?;
    if let Some(request) = &new.request {
        let anchored = sqlx::query(
            "INSERT INTO requests (actor_id, request_id, room_id, created_at_us)
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(new.owner.as_str())
        .bind(request.as_str())
        .bind(new.id.as_uuid())
        .bind(new.at.as_micros())
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if anchored == 0 {
            let room = find_requested(&mut tx, &new.owner, request.as_str()).await?;
            return room.map(Made::found).ok_or(StoreError::Corrupt("a request without its room"));
        }
    }
    let made = make(&mut tx, new.into()).await?;
    tx.commit().await?;
    Ok(made)
}

async fn find_requested(
    connection: &mut SqliteConnection,
    actor: &UserId,
    request: &str,
) -> Result<Option<Room>> {
    let row: Option<RoomRow> = sqlx::query_as(concat!(
        "SELECT ",
        room_columns!(),
        "FROM requests q JOIN rooms r ON r.room_id = q.room_id
         WHERE q.actor_id = $1 AND q.request_id = $2"
    ))
    .bind(actor.as_str())
    .bind(request)
    .fetch_optional(connection)
    .await?;
    row.map(Room::try_from).transpose()
}

pub(super) async fn forget_requests(
    pool: &SqlitePool,
    before: Timestamp,
    limit: u32,
) -> Result<u64> {
    let deleted = sqlx::query(
        "DELETE FROM requests WHERE (actor_id, request_id) IN
             (SELECT actor_id, request_id FROM requests WHERE created_at_us < $1
              ORDER BY created_at_us LIMIT $2)",
    )
    .bind(before.as_micros())
    .bind(i64::from(limit))
    .execute(pool)
    .await?;
    Ok(deleted.rows_affected())
}

async fn make(connection: &mut SqliteConnection, making: Making) -> Result<Made> {
    let room = &making.room;
    let (low, high) = room.pair.as_ref().map(|(low, high)| (low.as_str(), high.as_str())).unzip();
    sqlx::query(
        "INSERT INTO rooms (room_id, kind, name, name_folded, topic, state, member_count,
                                 user_low, user_high, created_at_us, created_by, notice_count)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(room.id.as_uuid())
    .bind(room.kind.as_str())
    .bind(&room.name)
    .bind(fold(&room.name))
    .bind(&room.topic)
    .bind(room.state.as_str())
    .bind(i64::from(room.member_count))
    .bind(low)
    .bind(high)
    .bind(room.created_at.as_micros())
    .bind(making.by.as_str())
    .bind(write::count(&making.notices))
    .execute(&mut *connection)
    .await?;
    write::add_people(connection, room.id, &making.people, room.created_at).await?;
    write::add_notices(connection, (room.id, 1), &making.notices, room.created_at).await?;
    let versions = write::raise_versions(connection, &making.users()).await?;
    Ok(making.made(versions))
}
