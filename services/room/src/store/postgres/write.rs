//! Writes that several operations share, and the two that touch only a user's own records.

use hubbub_domain::{RoomId, SystemNotice, Timestamp, UserId};
use sqlx::{PgConnection, PgPool, types::Json};

use super::texts;
use crate::{
    model::ChatFlags,
    store::{
        FlagWish, Marked, Marker, Result,
        making::Newcomer,
        rows::{FlagsRow, MarkedRow, VersionRow, convert, signed},
    },
};

/// Members and their records. Nobody of them may be a member yet.
pub(super) async fn add_people(
    connection: &mut PgConnection,
    room: RoomId,
    people: &[Newcomer],
    at: Timestamp,
) -> Result<()> {
    let users: Vec<_> = people.iter().map(|person| person.user.as_str()).collect();
    let roles: Vec<_> = people.iter().map(|person| person.role.as_str()).collect();
    let peers: Vec<_> =
        people.iter().map(|person| person.peer.as_ref().map(UserId::as_str)).collect();
    let last_reads: Vec<_> = people.iter().map(|person| signed(person.last_read.0)).collect();
    sqlx::query(
        "INSERT INTO room.members (room_id, user_id, role, joined_at_us)
         SELECT $1, p.user_id, p.role, $2 FROM UNNEST($3::text[], $4::text[]) AS p(user_id, role)",
    )
    .bind(room.as_uuid())
    .bind(at.as_micros())
    .bind(&users)
    .bind(&roles)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO room.records (user_id, room_id, peer_id, last_read_seq, joined_seq, joined_at_us)
         SELECT p.user_id, $1, p.peer_id, p.last_read_seq, p.last_read_seq, $2
         FROM UNNEST($3::text[], $4::text[], $5::bigint[]) AS p(user_id, peer_id, last_read_seq)",
    )
    .bind(room.as_uuid())
    .bind(at.as_micros())
    .bind(&users)
    .bind(&peers)
    .bind(&last_reads)
    .execute(connection)
    .await?;
    Ok(())
}

/// The last lock of a transaction: every call takes these rows in order of the user's id, and
/// waits for nothing once it has them.
pub(super) async fn raise_versions(
    connection: &mut PgConnection,
    users: &[UserId],
) -> Result<Vec<(UserId, u64)>> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<VersionRow> = sqlx::query_as(
        r#"INSERT INTO room.user_versions AS v (user_id, version)
           SELECT u.user_id, 1 FROM UNNEST($1::text[]) AS u(user_id) ORDER BY u.user_id COLLATE "C"
           ON CONFLICT (user_id) DO UPDATE SET version = v.version + 1
           RETURNING v.user_id, v.version"#,
    )
    .bind(texts(users))
    .fetch_all(connection)
    .await?;
    convert(rows)
}

/// Notices at consecutive positions, the first of which is given.
pub(super) async fn add_notices(
    connection: &mut PgConnection,
    (room, first): (RoomId, i64),
    notices: &[SystemNotice],
    at: Timestamp,
) -> Result<()> {
    if notices.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO room.notices (room_id, position, payload, created_at_us)
         SELECT $1, $2 + n.place - 1, n.payload, $3
         FROM UNNEST($4::jsonb[]) WITH ORDINALITY AS n(payload, place)",
    )
    .bind(room.as_uuid())
    .bind(first)
    .bind(at.as_micros())
    .bind(notices.iter().map(Json).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// How many notices, for a column.
pub(super) fn count(notices: &[SystemNotice]) -> i64 {
    i64::try_from(notices.len()).unwrap_or(i64::MAX)
}

pub(super) async fn set_flags(pool: &PgPool, wish: &FlagWish) -> Result<Option<ChatFlags>> {
    let row: Option<FlagsRow> = sqlx::query_as(
        "UPDATE room.records SET pinned = COALESCE($3, pinned), muted = COALESCE($4, muted)
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

/// One statement. Rows that move are locked in order of their key, so that two batches cannot
/// deadlock. A row that another call moves past the wish meanwhile is answered with the wish: it
/// stands there or further.
pub(super) async fn mark_read(pool: &PgPool, markers: &[Marker]) -> Result<Vec<Marked>> {
    let rows: Vec<MarkedRow> = sqlx::query_as(include_str!("mark_read.sql"))
        .bind(markers.iter().map(|marker| marker.user.as_str()).collect::<Vec<_>>())
        .bind(markers.iter().map(|marker| marker.room.as_uuid()).collect::<Vec<_>>())
        .bind(markers.iter().map(|marker| signed(marker.seq.0)).collect::<Vec<_>>())
        .bind(markers.iter().map(|marker| signed(marker.delivered.0)).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    convert(rows)
}
