//! Questions, one query each, all answered from an index.

use hubbub_domain::{Role, RoomId, UserId};
use sqlx::{SqliteExecutor, SqlitePool};

use super::json_texts;
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
    executor: impl SqliteExecutor<'_>,
    low: &UserId,
    high: &UserId,
) -> Result<Option<Room>> {
    let row: Option<RoomRow> = sqlx::query_as(concat!(
        "SELECT ",
        room_columns!(),
        "FROM direct_rooms d JOIN rooms r ON r.room_id = d.room_id
         WHERE d.user_low = $1 AND d.user_high = $2"
    ))
    .bind(low.as_str())
    .bind(high.as_str())
    .fetch_optional(executor)
    .await?;
    row.map(Room::try_from).transpose()
}

pub(super) async fn room_of(
    pool: &SqlitePool,
    user: &UserId,
    room: RoomId,
) -> Result<Option<(Room, Role)>> {
    let row: Option<RoomRoleRow> = sqlx::query_as(concat!(
        "SELECT ",
        room_columns!(),
        ", m.role FROM members m JOIN rooms r ON r.room_id = m.room_id
         WHERE m.room_id = $1 AND m.user_id = $2"
    ))
    .bind(room.as_uuid())
    .bind(user.as_str())
    .fetch_optional(pool)
    .await?;
    row.map(TryInto::try_into).transpose()
}

pub(super) async fn members(
    pool: &SqlitePool,
    room: RoomId,
    page: &Page<MemberPlace>,
) -> Result<Vec<Member>> {
    let (after_standing, after_user) = match &page.after {
        Some(place) => (standing(place.role), place.user.as_str()),
        None => (-1, ""),
    };
    let rows: Vec<MemberRow> = sqlx::query_as(
        "SELECT user_id, role, joined_at_us FROM members
         WHERE room_id = $1 AND (standing, user_id) > ($2, $3)
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
    executor: impl SqliteExecutor<'_>,
    room: RoomId,
    users: &[UserId],
) -> Result<Vec<Membership>> {
    let rows: Vec<MembershipRow> = sqlx::query_as(concat!(
        "SELECT ",
        membership_columns!(),
        "FROM records c
         JOIN members m ON m.room_id = c.room_id AND m.user_id = c.user_id
         JOIN rooms r ON r.room_id = c.room_id
         WHERE c.room_id = $1 AND c.user_id IN (SELECT value FROM json_each($2))"
    ))
    .bind(room.as_uuid())
    .bind(json_texts(users))
    .fetch_all(executor)
    .await?;
    convert(rows)
}

pub(super) async fn memberships(
    pool: &SqlitePool,
    user: &UserId,
    page: &Page<JoinPlace>,
) -> Result<Vec<Membership>> {
    let place = page.after.unwrap_or(JoinPlace::FIRST);
    let rows: Vec<MembershipRow> = sqlx::query_as(concat!(
        "SELECT ",
        membership_columns!(),
        "FROM records c
         JOIN members m ON m.room_id = c.room_id AND m.user_id = c.user_id
         JOIN rooms r ON r.room_id = c.room_id
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

pub(super) async fn versions(pool: &SqlitePool, users: &[UserId]) -> Result<Vec<(UserId, u64)>> {
    let rows: Vec<VersionRow> = sqlx::query_as(
        "SELECT user_id, version FROM user_versions WHERE user_id IN (SELECT value FROM json_each($1))",
    )
    .bind(json_texts(users))
    .fetch_all(pool)
    .await?;
    convert(rows)
}

pub(super) async fn acquainted(
    pool: &SqlitePool,
    pairs: &[(UserId, UserId)],
) -> Result<Vec<usize>> {
    let places: Vec<i64> = sqlx::query_scalar(
        "SELECT p.key FROM json_each($1) p
         WHERE EXISTS (
             SELECT 1 FROM records c
             JOIN members m ON m.room_id = c.room_id AND m.user_id = c.user_id
             JOIN members o ON o.room_id = c.room_id AND o.user_id = json_extract(p.value, '$[1]')
             WHERE c.user_id = json_extract(p.value, '$[0]')
         ) AND NOT EXISTS (
             SELECT 1 FROM blocks b
             WHERE b.blocked AND (
                 (b.user_id = json_extract(p.value, '$[0]') AND b.peer_id = json_extract(p.value, '$[1]'))
                 OR (b.user_id = json_extract(p.value, '$[1]') AND b.peer_id = json_extract(p.value, '$[0]')))
         )",
    )
    .bind(serde_json::json!(pairs).to_string())
    .fetch_all(pool)
    .await?;
    Ok(places.into_iter().filter_map(|place| usize::try_from(place).ok()).collect())
}

pub(super) async fn direct_rooms(
    pool: &SqlitePool,
    pairs: &[(UserId, UserId)],
) -> Result<Vec<(usize, RoomId)>> {
    let ordered: Vec<(&UserId, &UserId)> =
        pairs.iter().map(|(one, other)| (one.min(other), one.max(other))).collect();
    let rows: Vec<(i64, uuid::Uuid)> = sqlx::query_as(
        "SELECT p.key, d.room_id FROM json_each($1) p
         JOIN direct_rooms d ON d.user_low = p.value ->> 0 AND d.user_high = p.value ->> 1",
    )
    .bind(serde_json::json!(ordered).to_string())
    .fetch_all(pool)
    .await?;
    Ok(placed(rows))
}

pub(super) async fn users_after(pool: &SqlitePool, page: &Page<UserId>) -> Result<Vec<UserId>> {
    let found: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT user_id FROM records WHERE user_id > $1 ORDER BY user_id LIMIT $2",
    )
    .bind(page.after.as_ref().map_or("", UserId::as_str))
    .bind(i64::from(page.limit))
    .fetch_all(pool)
    .await?;
    found.iter().map(|user| parse(user, "a user id")).collect()
}

pub(super) async fn chat_records(pool: &SqlitePool, wish: &ChatWish) -> Result<Vec<ChatRecord>> {
    let rows: Vec<ChatRow> = sqlx::query_as(concat!(
        "SELECT ",
        room_columns!(),
        ", m.role, c.peer_id, c.pinned, c.muted, c.last_read_seq, c.joined_at_us
         FROM records c
         JOIN members m ON m.room_id = c.room_id AND m.user_id = c.user_id
         JOIN rooms r ON r.room_id = c.room_id
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

pub(super) async fn public_rooms(pool: &SqlitePool, wish: &PublicWish) -> Result<Vec<Room>> {
    let first = (String::new(), RoomId::from_uuid(uuid::Uuid::nil()));
    let (after_name, after_room) = wish.page.after.as_ref().unwrap_or(&first);
    let prefix = fold(&wish.prefix);
    let rows: Vec<RoomRow> = sqlx::query_as(concat!(
        "SELECT ",
        room_columns!(),
        "FROM rooms r
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

pub(super) async fn progress(pool: &SqlitePool, room: RoomId, limit: u32) -> Result<Vec<Progress>> {
    let rows: Vec<ProgressRow> = sqlx::query_as(
        "SELECT c.user_id, c.last_read_seq, c.delivered_seq, c.joined_seq
         FROM members m
         JOIN records c ON c.user_id = m.user_id AND c.room_id = m.room_id
         WHERE m.room_id = $1 ORDER BY m.user_id LIMIT $2",
    )
    .bind(room.as_uuid())
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    convert(rows)
}

pub(super) async fn members_among(
    pool: &SqlitePool,
    room: RoomId,
    users: &[UserId],
) -> Result<Vec<UserId>> {
    let found: Vec<String> = sqlx::query_scalar(
        "SELECT user_id FROM members WHERE room_id = $1 AND user_id IN (SELECT value FROM json_each($2))
         ORDER BY user_id",
    )
    .bind(room.as_uuid())
    .bind(json_texts(users))
    .fetch_all(pool)
    .await?;
    found.iter().map(|user| parse(user, "a user id")).collect()
}
