//! Writes that several operations share, and the two that touch only a user's own records. A
//! statement costs no round trip here, so these are plain loops inside a transaction.

use std::collections::BTreeMap;

use hubbub_domain::{RoomId, Seq, SystemNotice, Timestamp, UserId};
use sqlx::{SqliteConnection, SqlitePool, types::Json};

use super::WRITE;
use crate::{
    model::ChatFlags,
    store::{
        FlagWish, Marked, Marker, Result,
        making::Newcomer,
        rows::{FlagsRow, MarkedRow, VersionRow, signed},
    },
};

/// Members and their records. Nobody of them may be a member yet.
pub(super) async fn add_people(
    connection: &mut SqliteConnection,
    room: RoomId,
    people: &[Newcomer],
    at: Timestamp,
) -> Result<()> {
    for person in people {
        sqlx::query(
            "INSERT INTO members (room_id, user_id, role, joined_at_us) VALUES ($1, $2, $3, $4)",
        )
        .bind(room.as_uuid())
        .bind(person.user.as_str())
        .bind(person.role.as_str())
        .bind(at.as_micros())
        .execute(&mut *connection)
        .await?;
        sqlx::query(
            "INSERT INTO records (user_id, room_id, peer_id, last_read_seq, joined_seq, joined_at_us)
             VALUES ($1, $2, $3, $4, $4, $5)",
        )
        .bind(person.user.as_str())
        .bind(room.as_uuid())
        .bind(person.peer.as_ref().map(UserId::as_str))
        .bind(signed(person.last_read.0))
        .bind(at.as_micros())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

pub(super) async fn raise_versions(
    connection: &mut SqliteConnection,
    users: &[UserId],
) -> Result<Vec<(UserId, u64)>> {
    let mut versions = Vec::with_capacity(users.len());
    for user in users {
        let row: VersionRow = sqlx::query_as(
            "INSERT INTO user_versions (user_id, version) VALUES ($1, 1)
             ON CONFLICT (user_id) DO UPDATE SET version = version + 1
             RETURNING user_id, version",
        )
        .bind(user.as_str())
        .fetch_one(&mut *connection)
        .await?;
        versions.push(row.try_into()?);
    }
    Ok(versions)
}

/// Notices at consecutive positions, the first of which is given.
pub(super) async fn add_notices(
    connection: &mut SqliteConnection,
    (room, first): (RoomId, i64),
    notices: &[SystemNotice],
    at: Timestamp,
) -> Result<()> {
    for (position, notice) in (first..).zip(notices) {
        sqlx::query(
            "INSERT INTO notices (room_id, position, payload, created_at_us)
             VALUES ($1, $2, $3, $4)",
        )
        .bind(room.as_uuid())
        .bind(position)
        .bind(Json(notice))
        .bind(at.as_micros())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// How many notices, for a column.
pub(super) fn count(notices: &[SystemNotice]) -> i64 {
    i64::try_from(notices.len()).unwrap_or(i64::MAX)
}

pub(super) async fn set_flags(pool: &SqlitePool, wish: &FlagWish) -> Result<Option<ChatFlags>> {
    let row: Option<FlagsRow> = sqlx::query_as(
        "UPDATE records SET pinned = COALESCE($3, pinned), muted = COALESCE($4, muted)
         WHERE user_id = $1 AND room_id = $2
         RETURNING user_id, room_id, pinned, muted, last_read_seq",
    )
    .bind(wish.user.as_str())
    .bind(wish.room.as_uuid())
    .bind(wish.pinned)
    .bind(wish.muted)
    .fetch_optional(pool)
    .await?;
    row.map(ChatFlags::try_from).transpose()
}

pub(super) async fn mark_read(pool: &SqlitePool, markers: &[Marker]) -> Result<Vec<Marked>> {
    let mut wanted: BTreeMap<(&UserId, RoomId), (Seq, Seq)> = BTreeMap::new();
    for marker in markers {
        let (seq, delivered) = wanted.entry((&marker.user, marker.room)).or_default();
        *seq = marker.seq.max(*seq);
        *delivered = marker.delivered.max(*seq).max(*delivered);
    }
    let mut tx = pool.begin_with(WRITE).await?;
    let mut marked = Vec::with_capacity(wanted.len());
    for ((user, room), (seq, delivered)) in wanted {
        let marker = Marker { user: user.clone(), room, seq, delivered };
        marked.extend(mark_one(&mut tx, &marker).await?);
    }
    tx.commit().await?;
    Ok(marked)
}

async fn mark_one(connection: &mut SqliteConnection, marker: &Marker) -> Result<Option<Marked>> {
    let row: Option<MarkedRow> = sqlx::query_as(
        "SELECT c.user_id, c.room_id, c.pinned, c.muted, max(c.last_read_seq, $3) AS last_read_seq,
             max(c.delivered_seq, c.last_read_seq, $4) AS delivered_seq,
             c.last_read_seq < $3 AS read_moved,
             max(c.delivered_seq, c.last_read_seq) < $4 AS delivered_moved, r.member_count
         FROM records c JOIN rooms r ON r.room_id = c.room_id
         WHERE c.user_id = $1 AND c.room_id = $2",
    )
    .bind(marker.user.as_str())
    .bind(marker.room.as_uuid())
    .bind(signed(marker.seq.0))
    .bind(signed(marker.delivered.0))
    .fetch_optional(&mut *connection)
    .await?;
    let Some(marked) = row.map(Marked::try_from).transpose()? else { return Ok(None) };
    sqlx::query(
        "UPDATE records SET last_read_seq = $3, delivered_seq = $4
         WHERE user_id = $1 AND room_id = $2",
    )
    .bind(marker.user.as_str())
    .bind(marker.room.as_uuid())
    .bind(signed(marked.flags.last_read.0))
    .bind(signed(marked.delivered.0))
    .execute(connection)
    .await?;
    Ok(Some(marked))
}
