//! Questions, one query each, all answered from an index.

use hubbub_domain::{Role, RoomId, UserId};
use sqlx::{PgExecutor, PgPool};

use super::texts;
use crate::{
    model::{ChatRecord, Member, Membership, Room, fold},
    store::{
        ChatFilter, ChatWish, JoinPlace, MemberPlace, Page, Progress, PublicWish, Result,
        prefix_end,
        rows::{
            ChatRow, MemberRow, MembershipRow, ProgressRow, RoomRoleRow, RoomRow, VersionRow,
            convert, membership_columns, parse, placed, room_columns,
        },
        standing,
    },
};

pub(super) async fn find_direct(
    executor: impl PgExecutor<'_>,
    low: &UserId,
    high: &UserId,
) -> Result<Option<Room>> {
    let row: Option<RoomRow> = sqlx::query_as(concat!(
        "SELECT ",
        room_columns!(),
        "FROM room.direct_rooms d JOIN room.rooms r ON r.room_id = d.room_id
         WHERE d.user_low = $1 AND d.user_high = $2"
    ))
    .bind(low.as_str())
    .bind(high.as_str())
    .fetch_optional(executor)
    .await?;
    row.map(Room::try_from).transpose()
}

pub(super) async fn room_of(
    pool: &PgPool,
    user: &UserId,
    room: RoomId,
) -> Result<Option<(Room, Role)>> {
    let row: Option<RoomRoleRow> = sqlx::query_as(concat!(
        "SELECT ",
        room_columns!(),
        ", m.role FROM room.members m JOIN room.rooms r ON r.room_id = m.room_id
         WHERE m.room_id = $1 AND m.user_id = $2"
    ))
    .bind(room.as_uuid())
    .bind(user.as_str())
    .fetch_optional(pool)
    .await?;
    row.map(TryInto::try_into).transpose()
}

pub(super) async fn members(
    pool: &PgPool,
    room: RoomId,
    page: &Page<MemberPlace>,
) -> Result<Vec<Member>> {
    let (after_standing, after_user) = match &page.after {
        Some(place) => (standing(place.role), place.user.as_str()),
        None => (-1, ""),
    };
    let rows: Vec<MemberRow> = sqlx::query_as(
        "SELECT user_id, role, joined_at_us FROM room.members
         WHERE room_id = $1 AND (standing, user_id) > ($2::smallint, $3)
         ORDER BY standing, user_id LIMIT $4",
    )
    .bind(room.as_uuid())
    .bind(after_standing)
    .bind(after_user)
    .bind(i64::from(page.limit))
    .fetch_all(pool)
    .await?;
    convert(rows)
}

/// The standings of some users in one room.
pub(super) async fn memberships_in(
    executor: impl PgExecutor<'_>,
    room: RoomId,
    users: &[UserId],
) -> Result<Vec<Membership>> {
    let rows: Vec<MembershipRow> = sqlx::query_as(concat!(
        "SELECT ",
        membership_columns!(),
        "FROM room.records c
         JOIN room.members m ON m.room_id = c.room_id AND m.user_id = c.user_id
         JOIN room.rooms r ON r.room_id = c.room_id
         WHERE c.room_id = $1 AND c.user_id = ANY($2)"
    ))
    .bind(room.as_uuid())
    .bind(texts(users))
    .fetch_all(executor)
    .await?;
    convert(rows)
}

pub(super) async fn memberships(
    pool: &PgPool,
    user: &UserId,
    page: &Page<JoinPlace>,
) -> Result<Vec<Membership>> {
    let place = page.after.unwrap_or(JoinPlace::FIRST);
    let rows: Vec<MembershipRow> = sqlx::query_as(concat!(
        "SELECT ",
        membership_columns!(),
        "FROM room.records c
         JOIN room.members m ON m.room_id = c.room_id AND m.user_id = c.user_id
         JOIN room.rooms r ON r.room_id = c.room_id
         WHERE c.user_id = $1 AND (c.joined_at_us, c.room_id) < ($2, $3)
         ORDER BY c.joined_at_us DESC, c.room_id DESC LIMIT $4"
    ))
    .bind(user.as_str())
    .bind(place.joined_at.as_micros())
    .bind(place.room.as_uuid())
    .bind(i64::from(page.limit))
    .fetch_all(pool)
    .await?;
    convert(rows)
}

pub(super) async fn versions(pool: &PgPool, users: &[UserId]) -> Result<Vec<(UserId, u64)>> {
    let rows: Vec<VersionRow> =
        sqlx::query_as("SELECT user_id, version FROM room.user_versions WHERE user_id = ANY($1)")
            .bind(texts(users))
            .fetch_all(pool)
            .await?;
    convert(rows)
}

pub(super) async fn acquainted(pool: &PgPool, pairs: &[(UserId, UserId)]) -> Result<Vec<usize>> {
    let (users, others): (Vec<&str>, Vec<&str>) =
        pairs.iter().map(|(user, other)| (user.as_str(), other.as_str())).unzip();
    let places: Vec<i64> = sqlx::query_scalar(
        "SELECT p.place - 1 FROM UNNEST($1::text[], $2::text[]) WITH ORDINALITY p (one, other, place)
         WHERE EXISTS (
             SELECT FROM room.records c
             JOIN room.members m ON m.room_id = c.room_id AND m.user_id = c.user_id
             JOIN room.members o ON o.room_id = c.room_id AND o.user_id = p.other
             WHERE c.user_id = p.one
         ) AND NOT EXISTS (
             SELECT FROM room.blocks b
             WHERE b.blocked AND ((b.user_id = p.one AND b.peer_id = p.other)
                               OR (b.user_id = p.other AND b.peer_id = p.one))
         )",
    )
    .bind(users)
    .bind(others)
    .fetch_all(pool)
    .await?;
    Ok(places.into_iter().filter_map(|place| usize::try_from(place).ok()).collect())
}

pub(super) async fn direct_rooms(
    pool: &PgPool,
    pairs: &[(UserId, UserId)],
) -> Result<Vec<(usize, RoomId)>> {
    let (lows, highs): (Vec<&str>, Vec<&str>) =
        pairs.iter().map(|(one, other)| (one.min(other).as_str(), one.max(other).as_str())).unzip();
    let rows: Vec<(i64, uuid::Uuid)> = sqlx::query_as(
        "SELECT p.place - 1, d.room_id
         FROM UNNEST($1::text[], $2::text[]) WITH ORDINALITY p (low, high, place)
         JOIN room.direct_rooms d ON d.user_low = p.low AND d.user_high = p.high",
    )
    .bind(lows)
    .bind(highs)
    .fetch_all(pool)
    .await?;
    Ok(placed(rows))
}

pub(super) async fn users_after(pool: &PgPool, page: &Page<UserId>) -> Result<Vec<UserId>> {
    let found: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT user_id FROM room.records WHERE user_id > $1 ORDER BY user_id LIMIT $2",
    )
    .bind(page.after.as_ref().map_or("", UserId::as_str))
    .bind(i64::from(page.limit))
    .fetch_all(pool)
    .await?;
    found.iter().map(|user| parse(user, "a user id")).collect()
}

pub(super) async fn chat_records(pool: &PgPool, wish: &ChatWish) -> Result<Vec<ChatRecord>> {
    let rows: Vec<ChatRow> = sqlx::query_as(concat!(
        "SELECT ",
        room_columns!(),
        ", m.role, c.peer_id, c.pinned, c.muted, c.last_read_seq, c.joined_at_us
         FROM room.records c
         JOIN room.members m ON m.room_id = c.room_id AND m.user_id = c.user_id
         JOIN room.rooms r ON r.room_id = c.room_id
         WHERE c.user_id = $1 AND (c.pinned OR NOT $2)
         ORDER BY c.joined_at_us DESC, c.room_id DESC LIMIT $3"
    ))
    .bind(wish.user.as_str())
    .bind(wish.only == ChatFilter::Pinned)
    .bind(i64::from(wish.limit))
    .fetch_all(pool)
    .await?;
    convert(rows)
}

pub(super) async fn public_rooms(pool: &PgPool, wish: &PublicWish) -> Result<Vec<Room>> {
    let first = (String::new(), RoomId::from_uuid(uuid::Uuid::nil()));
    let (after_name, after_room) = wish.page.after.as_ref().unwrap_or(&first);
    let prefix = fold(&wish.prefix);
    let rows: Vec<RoomRow> = sqlx::query_as(concat!(
        "SELECT ",
        room_columns!(),
        "FROM room.rooms r
         WHERE r.kind = 'public' AND r.state <> 'dissolved'
           AND r.name_folded >= $1 AND r.name_folded < $2
           AND (r.name_folded, r.room_id) > ($3, $4)
         ORDER BY r.name_folded, r.room_id LIMIT $5"
    ))
    .bind(&prefix)
    .bind(prefix_end(&prefix))
    .bind(after_name)
    .bind(after_room.as_uuid())
    .bind(i64::from(wish.page.limit))
    .fetch_all(pool)
    .await?;
    convert(rows)
}

pub(super) async fn progress(pool: &PgPool, room: RoomId, limit: u32) -> Result<Vec<Progress>> {
    let rows: Vec<ProgressRow> = sqlx::query_as(
        "SELECT c.user_id, c.last_read_seq, c.delivered_seq, c.joined_seq
         FROM room.members m
         JOIN room.records c ON c.user_id = m.user_id AND c.room_id = m.room_id
         WHERE m.room_id = $1 ORDER BY m.user_id LIMIT $2",
    )
    .bind(room.as_uuid())
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    convert(rows)
}

pub(super) async fn members_among(
    pool: &PgPool,
    room: RoomId,
    users: &[UserId],
) -> Result<Vec<UserId>> {
    let found: Vec<String> = sqlx::query_scalar(
        "SELECT user_id FROM room.members WHERE room_id = $1 AND user_id = ANY($2)
         ORDER BY user_id",
    )
    .bind(room.as_uuid())
    .bind(texts(users))
    .fetch_all(pool)
    .await?;
    found.iter().map(|user| parse(user, "a user id")).collect()
}
