//! Reading: one statement each, so that everything in an answer is of one moment.

use hubbub_domain::{Change, Head, Message, Rev, RoomId, Seq, Timestamp, UserId};
use sqlx::{FromRow as _, Row as _, SqliteExecutor, SqlitePool, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{
    rules::{self, Top, Window},
    store::{
        Changes, Heads, Marker, Page, RankedRoom, Ranking, RoomHead, StoreError,
        record::{ChangeRow, MessageRow, head, posted, signed, to_json, unsigned},
    },
};

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
        Ok(Some(room)) => Some(room_head(row, room)),
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

fn room_head(row: &SqliteRow, room: Uuid) -> Result<RoomHead, StoreError> {
    Ok(RoomHead {
        room: RoomId::from_uuid(room),
        head: head(row.try_get("head_seq")?, row.try_get("head_rev")?)?,
        unread: unsigned(row.try_get("unread")?)?,
        read: Seq(unsigned(row.try_get("read_seq")?)?),
        last_at: row.try_get::<Option<i64>, _>("last_at_us")?.map(Timestamp::from_micros),
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
