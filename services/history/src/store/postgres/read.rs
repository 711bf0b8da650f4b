//! Reading: one statement each, so that everything in an answer is of one moment.

use hubbub_domain::{Change, Head, Message, Rev, RoomId, Seq, Timestamp, UserId};
use sqlx::{FromRow as _, PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::kept::Kept;
use crate::{
    rules::{self, ChangeRefused, Top, Window},
    store::{
        ChangeError, Changes, EditsWish, Heads, Marker, Page, RankedRoom, Ranking, RoomHead,
        Senders, StoreError, Version,
        record::{ChangeRow, MessageRow, VersionRow, head, posted, signed, stored, unsigned},
    },
};

/// People who have spoken since a message; a room in which receipts are asked for has fewer members.
const SENDERS_MAX: i64 = 10_000;

pub(super) async fn page(kept: &Kept, room: RoomId, window: Window) -> Result<Page, StoreError> {
    let (top, older_than) = match window.top {
        Top::Seq(seq) => (Some(signed(seq.0)), None),
        Top::OlderThan(moment) => (None, Some(moment.as_micros())),
    };
    let mut lease = kept.take().await?;
    let rows = sqlx::query(include_str!("page.sql"))
        .bind(room.as_uuid())
        .bind(top)
        .bind(signed(window.floor.0))
        .bind(i64::from(window.limit))
        .bind(older_than)
        .fetch_all(lease.connection())
        .await;
    let rows = lease.settle(rows)?;
    let (head, epoch) = head_and_epoch(&rows)?;
    let messages = rows.iter().filter_map(|row| message(row).transpose());
    Ok(Page { messages: messages.collect::<Result<_, _>>()?, head, epoch })
}

pub(super) async fn changes(
    kept: &Kept,
    room: RoomId,
    after: Rev,
    limit: u32,
) -> Result<Changes, StoreError> {
    let mut lease = kept.take().await?;
    let rows = change_rows(lease.connection(), room, after, limit).await;
    contiguous(room, after, &lease.settle(rows)?)
}

/// The same on a connection of one's own.
pub(super) async fn changes_on(
    connection: &mut PgConnection,
    room: RoomId,
    after: Rev,
    limit: u32,
) -> Result<Changes, StoreError> {
    contiguous(room, after, &change_rows(connection, room, after, limit).await?)
}

async fn change_rows(
    connection: &mut PgConnection,
    room: RoomId,
    after: Rev,
    limit: u32,
) -> Result<Vec<PgRow>, sqlx::Error> {
    sqlx::query(include_str!("changes.sql"))
        .bind(room.as_uuid())
        .bind(signed(after.0))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await
}

fn contiguous(room: RoomId, after: Rev, rows: &[PgRow]) -> Result<Changes, StoreError> {
    let (head, epoch) = head_and_epoch(rows)?;
    let changes =
        rows.iter().filter_map(|row| change(row).transpose()).collect::<Result<Vec<_>, _>>()?;
    if !rules::contiguous(after, changes.iter().map(|change| change.rev)) {
        return Err(StoreError::Defect(format!("room {room} has a gap after revision {after}")));
    }
    Ok(Changes { changes, head, epoch })
}

pub(super) async fn heads(
    kept: &Kept,
    markers: &[Marker],
    user: Option<&UserId>,
) -> Result<Heads, StoreError> {
    let mut lease = kept.take().await?;
    let rows = sqlx::query(include_str!("heads.sql"))
        .bind(markers.iter().map(|marker| marker.room.as_uuid()).collect::<Vec<_>>())
        .bind(markers.iter().map(|marker| signed(marker.last_read.0)).collect::<Vec<_>>())
        .bind(user.map(UserId::as_str))
        .fetch_all(lease.connection())
        .await;
    let rows = lease.settle(rows)?;
    // Without a room there is one row, which says the epoch.
    let (_, epoch) = head_and_epoch(&rows)?;
    let rooms = rows.iter().filter_map(|row| match row.try_get("room_id") {
        Ok(Some(room)) => Some(spoken_head(row, room)),
        Ok(None) => None,
        Err(error) => Some(Err(error.into())),
    });
    Ok(Heads { rooms: rooms.collect::<Result<_, _>>()?, epoch })
}

pub(super) async fn rank(kept: &Kept, ranking: &Ranking) -> Result<Vec<RankedRoom>, StoreError> {
    let markers = &ranking.markers;
    let mut lease = kept.take().await?;
    let rows = sqlx::query(include_str!("rank.sql"))
        .bind(markers.iter().map(|marker| marker.room.as_uuid()).collect::<Vec<_>>())
        .bind(markers.iter().map(|marker| signed(marker.last_read.0)).collect::<Vec<_>>())
        .bind(markers.iter().map(|marker| marker.since.as_micros()).collect::<Vec<_>>())
        .bind(ranking.user.as_str())
        .bind(ranking.after.map(|rank| rank.active_at.as_micros()))
        .bind(ranking.after.map(|rank| rank.room.as_uuid()))
        .bind(i64::from(ranking.limit) + 1)
        .fetch_all(lease.connection())
        .await;
    let rows = lease.settle(rows)?;
    let rooms = rows.iter().map(|row| {
        Ok(RankedRoom {
            head: room_head(row, row.try_get("ranked_room_id")?)?,
            active_at: Timestamp::from_micros(row.try_get("active_at_us")?),
            last_message: message(row)?,
        })
    });
    rooms.collect()
}

pub(super) async fn edits(kept: &Kept, wish: &EditsWish) -> Result<Vec<Version>, ChangeError> {
    let mut lease = kept.take().await?;
    let rows = sqlx::query_as(include_str!("edits.sql"))
        .bind(wish.room.as_uuid())
        .bind(signed(wish.seq.0))
        .bind(signed(wish.before.0))
        .bind(i64::from(wish.limit) + 1)
        .fetch_all(lease.connection())
        .await;
    let rows: Vec<VersionRow> = lease.settle(rows)?;
    let row = rows.first().ok_or(ChangeRefused::NoSuchMessage)?;
    rules::may_see_edits(&row.target.target(wish.seq)?, &wish.actor, wish.standing)?;
    let versions = rows.into_iter().filter_map(|row| row.version().transpose());
    Ok(versions.collect::<Result<_, _>>()?)
}

pub(super) async fn senders(
    kept: &Kept,
    room: RoomId,
    seq: Seq,
) -> Result<Option<Senders>, StoreError> {
    let mut lease = kept.take().await?;
    let rows = sqlx::query_as(
        "SELECT m.sender_id, s.user_id
         FROM history.messages m
         LEFT JOIN LATERAL (
             SELECT user_id FROM history.senders
             WHERE room_id = $1 AND last_seq > $2 ORDER BY user_id LIMIT $3
         ) s ON true
         WHERE m.room_id = $1 AND m.seq = $2
         ORDER BY s.user_id",
    )
    .bind(room.as_uuid())
    .bind(signed(seq.0))
    .bind(SENDERS_MAX)
    .fetch_all(lease.connection())
    .await;
    let rows: Vec<(String, Option<String>)> = lease.settle(rows)?;
    let Some((sender, _)) = rows.first() else { return Ok(None) };
    let sender = stored(UserId::parse(sender))?;
    let since = rows.iter().filter_map(|(_, user)| user.as_deref());
    let since = since.map(|user| stored(UserId::parse(user))).collect::<Result<_, _>>()?;
    Ok(Some(Senders { sender, since }))
}

/// One statement, whatever the number of users.
pub(super) async fn wrote(
    kept: &Kept,
    senders: &[(RoomId, UserId)],
) -> Result<Vec<usize>, StoreError> {
    let (rooms, users): (Vec<Uuid>, Vec<&str>) =
        senders.iter().map(|(room, user)| (room.as_uuid(), user.as_str())).unzip();
    let mut lease = kept.take().await?;
    let places = sqlx::query_scalar(
        "SELECT a.place - 1
         FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY a (room_id, user_id, place)
         JOIN history.senders s ON s.room_id = a.room_id AND s.user_id = a.user_id",
    )
    .bind(rooms)
    .bind(users)
    .fetch_all(lease.connection())
    .await;
    let places: Vec<i64> = lease.settle(places)?;
    Ok(places.into_iter().filter_map(|place| usize::try_from(place).ok()).collect())
}

/// With when somebody spoke last.
fn spoken_head(row: &PgRow, room: Uuid) -> Result<RoomHead, StoreError> {
    let last_said_at = row.try_get::<Option<i64>, _>("last_said_at_us")?;
    let last_said_at = last_said_at.map(Timestamp::from_micros);
    Ok(RoomHead { last_said_at, ..room_head(row, room)? })
}

fn room_head(row: &PgRow, room: Uuid) -> Result<RoomHead, StoreError> {
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

/// Every row repeats them, and there is always one. There is no epoch while the server has not begun
/// one.
fn head_and_epoch(rows: &[PgRow]) -> Result<(Head, Uuid), StoreError> {
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let epoch: Option<Uuid> = row.try_get("epoch")?;
    let epoch = epoch.ok_or(StoreError::OtherServer)?;
    Ok((head(row.try_get("head_seq")?, row.try_get("head_rev")?)?, epoch))
}

/// `None` when the row has no message.
fn message(row: &PgRow) -> Result<Option<Message>, StoreError> {
    match row.try_get::<Option<i64>, _>("seq")? {
        Some(_) => MessageRow::from_row(row)?.message().map(Some),
        None => Ok(None),
    }
}

fn change(row: &PgRow) -> Result<Option<Change>, StoreError> {
    match row.try_get::<Option<&str>, _>("kind")? {
        Some("post") => Ok(message(row)?.map(posted)),
        Some(_) => ChangeRow::from_row(row)?.change().map(Some),
        None => Ok(None),
    }
}
