//! Reading: one statement each, so that everything in an answer is of one moment.

use hubbub_domain::{Change, Head, Message, Rev, RoomId, Seq, Timestamp, UserId};
use sqlx::{FromRow as _, Row as _, SqliteExecutor, SqlitePool, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{
    rules::{self, ChangeRefused, Top, Window},
    store::{
        ChangeError, Changes, EditsWish, Heads, Marker, Page, RankedRoom, Ranking, RoomHead,
        Senders, StoreError, Version,
        record::{
            ChangeRow, MessageRow, VersionRow, head, posted, signed, stored, to_json, unsigned,
        },
    },
};

/// People who have spoken since a message; a room in which receipts are asked for has fewer members.
const SENDERS_MAX: i64 = 10_000;

pub(super) async fn page(
    pool: &SqlitePool,
    room: RoomId,
    window: Window,
) -> Result<Page, StoreError> {
    let (top, older_than) = match window.top {
        Top::Seq(seq) => (Some(signed(seq.0)), None),
        Top::OlderThan(moment) => (None, Some(moment.as_micros())),
    };
    let rows = sqlx::query(include_str!("page.sql"))
        .bind(room.as_uuid())
        .bind(top)
        .bind(signed(window.floor.0))
        .bind(i64::from(window.limit))
        .bind(older_than)
        .fetch_all(pool)
        .await?;
    let (head, epoch) = head_and_epoch(&rows)?;
    let messages = rows.iter().filter_map(|row| message(row).transpose());
    Ok(Page { messages: messages.collect::<Result<_, _>>()?, head, epoch })
}

pub(super) async fn changes(
    executor: impl SqliteExecutor<'_>,
    room: RoomId,
    after: Rev,
    limit: u32,
) -> Result<Changes, StoreError> {
    let rows = sqlx::query(include_str!("changes.sql"))
        .bind(room.as_uuid())
        .bind(signed(after.0))
        .bind(i64::from(limit))
        .fetch_all(executor)
        .await?;
    let (head, epoch) = head_and_epoch(&rows)?;
    let changes =
        rows.iter().filter_map(|row| change(row).transpose()).collect::<Result<Vec<_>, _>>()?;
    if !rules::contiguous(after, changes.iter().map(|change| change.rev)) {
        return Err(StoreError::Defect(format!("room {room} has a gap after revision {after}")));
    }
    Ok(Changes { changes, head, epoch })
}

pub(super) async fn heads(
    pool: &SqlitePool,
    markers: &[Marker],
    user: Option<&UserId>,
) -> Result<Heads, StoreError> {
    let rows = sqlx::query(include_str!("heads.sql"))
        .bind(to_json(&markers.iter().map(marker_json).collect::<Vec<_>>()))
        .bind(user.map(UserId::as_str))
        .fetch_all(pool)
        .await?;
    // Without a room there is one row, which says the epoch.
    let (_, epoch) = head_and_epoch(&rows)?;
    let rooms = rows.iter().filter_map(|row| match row.try_get("room_id") {
        Ok(Some(room)) => Some(spoken_head(row, room)),
        Ok(None) => None,
        Err(error) => Some(Err(error.into())),
    });
    Ok(Heads { rooms: rooms.collect::<Result<_, _>>()?, epoch })
}

pub(super) async fn rank(
    pool: &SqlitePool,
    ranking: &Ranking,
) -> Result<Vec<RankedRoom>, StoreError> {
    let rows = sqlx::query(include_str!("rank.sql"))
        .bind(to_json(&ranking.markers.iter().map(marker_json).collect::<Vec<_>>()))
        .bind(ranking.user.as_str())
        .bind(ranking.after.map(|rank| rank.active_at.as_micros()))
        .bind(ranking.after.map(|rank| rank.room.as_uuid()))
        .bind(i64::from(ranking.limit) + 1)
        .fetch_all(pool)
        .await?;
    let rooms = rows.iter().map(|row| {
        Ok(RankedRoom {
            head: room_head(row, row.try_get("ranked_room_id")?)?,
            active_at: Timestamp::from_micros(row.try_get("active_at_us")?),
            last_message: message(row)?,
        })
    });
    rooms.collect()
}

/// A marker as the statements take it: room, how far it is read, what stands for its activity.
fn marker_json(marker: &Marker) -> (String, i64, i64) {
    let room = marker.room.as_uuid().simple().to_string();
    (room, signed(marker.last_read.0), marker.since.as_micros())
}

pub(super) async fn edits(
    pool: &SqlitePool,
    wish: &EditsWish,
) -> Result<Vec<Version>, ChangeError> {
    let rows: Vec<VersionRow> = sqlx::query_as(include_str!("edits.sql"))
        .bind(wish.room.as_uuid())
        .bind(signed(wish.seq.0))
        .bind(signed(wish.before.0))
        .bind(i64::from(wish.limit) + 1)
        .fetch_all(pool)
        .await?;
    let row = rows.first().ok_or(ChangeRefused::NoSuchMessage)?;
    rules::may_see_edits(&row.target.target(wish.seq)?, &wish.actor, wish.standing)?;
    let versions = rows.into_iter().filter_map(|row| row.version().transpose());
    Ok(versions.collect::<Result<_, _>>()?)
}

pub(super) async fn senders(
    pool: &SqlitePool,
    room: RoomId,
    seq: Seq,
) -> Result<Option<Senders>, StoreError> {
    let rows: Vec<(String, Option<String>)> = sqlx::query_as(
        "SELECT m.sender_id, s.user_id
         FROM messages m
         LEFT JOIN (
             SELECT user_id FROM senders
             WHERE room_id = $1 AND last_seq > $2 ORDER BY user_id LIMIT $3
         ) s ON true
         WHERE m.room_id = $1 AND m.seq = $2
         ORDER BY s.user_id",
    )
    .bind(room.as_uuid())
    .bind(signed(seq.0))
    .bind(SENDERS_MAX)
    .fetch_all(pool)
    .await?;
    let Some((sender, _)) = rows.first() else { return Ok(None) };
    let sender = stored(UserId::parse(sender))?;
    let since = rows.iter().filter_map(|(_, user)| user.as_deref());
    let since = since.map(|user| stored(UserId::parse(user))).collect::<Result<_, _>>()?;
    Ok(Some(Senders { sender, since }))
}

/// One statement, whatever the number of users.
pub(super) async fn wrote(
    pool: &SqlitePool,
    senders: &[(RoomId, UserId)],
) -> Result<Vec<usize>, StoreError> {
    let asked: Vec<(String, &UserId)> =
        senders.iter().map(|(room, user)| (room.as_uuid().simple().to_string(), user)).collect();
    let places: Vec<i64> = sqlx::query_scalar(
        "SELECT a.key FROM json_each($1) a
         JOIN senders s ON s.room_id = unhex(a.value ->> 0) AND s.user_id = a.value ->> 1",
    )
    .bind(to_json(&asked))
    .fetch_all(pool)
    .await?;
    Ok(places.into_iter().filter_map(|place| usize::try_from(place).ok()).collect())
}

/// With when somebody spoke last.
fn spoken_head(row: &SqliteRow, room: Uuid) -> Result<RoomHead, StoreError> {
    let last_said_at = row.try_get::<Option<i64>, _>("last_said_at_us")?;
    let last_said_at = last_said_at.map(Timestamp::from_micros);
    Ok(RoomHead { last_said_at, ..room_head(row, room)? })
}

fn room_head(row: &SqliteRow, room: Uuid) -> Result<RoomHead, StoreError> {
    Ok(RoomHead {
        room: RoomId::from_uuid(room),
        head: head(row.try_get("head_seq")?, row.try_get("head_rev")?)?,
        unread: unsigned(row.try_get("unread")?)?,
        mentions: unsigned(row.try_get("mentions")?)?,
        read: Seq(unsigned(row.try_get("read_seq")?)?),
        last_at: row.try_get::<Option<i64>, _>("last_at_us")?.map(Timestamp::from_micros),
        last_said_at: None,
    })
}

/// Every row repeats them, and there is always one.
fn head_and_epoch(rows: &[SqliteRow]) -> Result<(Head, Uuid), StoreError> {
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok((head(row.try_get("head_seq")?, row.try_get("head_rev")?)?, row.try_get("epoch")?))
}

/// `None` when the row has no message.
fn message(row: &SqliteRow) -> Result<Option<Message>, StoreError> {
    match row.try_get::<Option<i64>, _>("seq")? {
        Some(_) => MessageRow::from_row(row)?.message().map(Some),
        None => Ok(None),
    }
}

fn change(row: &SqliteRow) -> Result<Option<Change>, StoreError> {
    match row.try_get::<Option<&str>, _>("kind")? {
        Some("post") => Ok(message(row)?.map(posted)),
        Some(_) => ChangeRow::from_row(row)?.change().map(Some),
        None => Ok(None),
    }
}
