//! Storing a batch: the same rules as `history.append_v3` in Postgres, in one transaction.

use std::collections::{BTreeMap, btree_map::Entry};

use hubbub_domain::{MessageId, Rev, RoomId, Seq, Timestamp, UserId};
use sqlx::{SqliteConnection, SqlitePool};
use uuid::Uuid;

use super::{epochs, outbox};
use crate::{
    rules,
    store::{
        Batch, Committed, Content, Fate, Place, Post, Range, StoreError,
        record::{ContentColumns, pause_us, signed, unsigned},
    },
};

/// A room while the batch is stored.
#[derive(Clone, Copy)]
struct Room {
    /// As they were before the batch.
    first_seq: Seq,
    first_rev: Rev,
    seq: Seq,
    rev: Rev,
    last_at_us: i64,
    last_notice: Seq,
    last_mention: Seq,
    /// The store's epoch, by number.
    epoch: i64,
}

pub(super) async fn append(pool: &SqlitePool, batch: Batch<'_>) -> Result<Committed, StoreError> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let mut rooms = BTreeMap::new();
    let mut senders = BTreeMap::new();
    let mut fates = Vec::with_capacity(batch.posts.len());
    for post in batch.posts {
        let room = match rooms.entry(post.room) {
            Entry::Occupied(room) => room.into_mut(),
            Entry::Vacant(place) => place.insert(Room::load(&mut tx, post.room).await?),
        };
        let spoken = senders.contains_key(&(post.room, &post.sender));
        let fate = match refusal(&mut tx, (room.first_seq, spoken), post, batch.now).await? {
            Some(fate) => fate,
            None => store(&mut tx, room, post, batch.now).await?,
        };
        if let (Fate::Stored(place), Content::User(_)) = (fate, &post.content) {
            senders.insert((post.room, &post.sender), place.seq);
        }
        fates.push(fate);
    }
    rooms.retain(|_, room| room.rev > room.first_rev);
    for (id, room) in &rooms {
        room.save(&mut tx, *id).await?;
    }
    for ((room, sender), seq) in senders {
        save_sender(&mut tx, room, sender, seq).await?;
    }
    let ranges: Vec<_> = rooms
        .iter()
        .map(|(id, room)| Range { room: *id, first: room.first_rev.next(), last: room.rev })
        .collect();
    let outbox = match ranges.as_slice() {
        [] => None,
        ranges => Some(outbox::note(&mut tx, batch.now, ranges).await?),
    };
    outbox::delete(&mut tx, batch.finished.iter().map(|row| row.row)).await?;
    tx.commit().await?;
    Ok(Committed { fates, outbox })
}

impl Room {
    async fn load(tx: &mut SqliteConnection, room: RoomId) -> Result<Self, StoreError> {
        let (epoch, seq, rev, last_at_us, notice, mention): (i64, i64, i64, i64, i64, i64) =
            sqlx::query_as(
                "SELECT m.number, coalesce(seq, 0), coalesce(rev, 0), coalesce(last_at_us, 0),
                     coalesce(last_notice_seq, 0), coalesce(last_mention_seq, 0)
                 FROM meta m LEFT JOIN heads ON room_id = $1",
            )
            .bind(room.as_uuid())
            .fetch_one(tx)
            .await?;
        let (seq, rev) = (Seq(unsigned(seq)?), Rev(unsigned(rev)?));
        let (last_notice, last_mention) = (Seq(unsigned(notice)?), Seq(unsigned(mention)?));
        let (first_seq, first_rev) = (seq, rev);
        Ok(Self { first_seq, first_rev, seq, rev, last_at_us, last_notice, last_mention, epoch })
    }

    async fn save(&self, tx: &mut SqliteConnection, room: RoomId) -> Result<(), StoreError> {
        if self.epoch > 0 {
            epochs::note_fork(tx, room, (self.first_rev, self.first_seq)).await?;
        }
        sqlx::query(
            "INSERT INTO heads (
                 room_id, seq, rev, last_at_us, last_notice_seq, last_mention_seq, epoch
             )
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT DO UPDATE SET
                 seq = excluded.seq, rev = excluded.rev, last_at_us = excluded.last_at_us,
                 last_notice_seq = excluded.last_notice_seq,
                 last_mention_seq = excluded.last_mention_seq, epoch = excluded.epoch",
        )
        .bind(room.as_uuid())
        .bind(signed(self.seq.0))
        .bind(signed(self.rev.0))
        .bind(self.last_at_us)
        .bind(signed(self.last_notice.0))
        .bind(signed(self.last_mention.0))
        .bind(self.epoch)
        .execute(tx)
        .await?;
        Ok(())
    }

    /// The place the next message of the room gets.
    fn next(&self, id: MessageId, now: Timestamp) -> Place {
        let created_at = rules::next_time(Timestamp::from_micros(self.last_at_us), now);
        Place { seq: self.seq.next(), rev: self.rev.next(), id, created_at }
    }

    fn take(&mut self, place: Place, content: &Content) {
        (self.seq, self.rev) = (place.seq, place.rev);
        self.last_at_us = place.created_at.as_micros();
        match content {
            Content::System(_) => self.last_notice = place.seq,
            Content::User(body) if !body.mentions.is_empty() => self.last_mention = place.seq,
            Content::User(_) => {}
        }
    }
}

/// Why a post is not stored, unless it was stored before: then its first place. `first_seq` is the
/// room's seq before the batch, and `spoken` says that the sender has a new message in it already.
async fn refusal(
    tx: &mut SqliteConnection,
    (first_seq, spoken): (Seq, bool),
    post: &Post,
    now: Timestamp,
) -> Result<Option<Fate>, StoreError> {
    let refused = match post.content.reply_to() {
        Some(reply) if reply > first_seq => Some(Fate::NoSuchReply),
        Some(reply) if is_deleted(tx, post.room, reply).await? => Some(Fate::ReplyDeleted),
        _ if post.pause.is_zero() => None,
        _ => too_soon(tx, spoken, post, now).await?,
    };
    match refused {
        Some(refused) => Ok(Some(find(tx, post).await?.map_or(refused, Fate::Duplicate))),
        None => Ok(None),
    }
}

pub(super) async fn is_deleted(
    tx: &mut SqliteConnection,
    room: RoomId,
    seq: Seq,
) -> Result<bool, StoreError> {
    let deleted: Option<bool> = sqlx::query_scalar(
        "SELECT deleted_at_us IS NOT NULL FROM messages WHERE room_id = $1 AND seq = $2",
    )
    .bind(room.as_uuid())
    .bind(signed(seq.0))
    .fetch_optional(tx)
    .await?;
    Ok(deleted.unwrap_or_default())
}

/// Slow mode: the sender's last message is not old enough.
async fn too_soon(
    tx: &mut SqliteConnection,
    spoken: bool,
    post: &Post,
    now: Timestamp,
) -> Result<Option<Fate>, StoreError> {
    let last_at_us: Option<i64> = if spoken {
        Some(now.as_micros())
    } else {
        sqlx::query_scalar(
            "SELECT m.created_at_us FROM senders s
             JOIN messages m ON m.room_id = s.room_id AND m.seq = s.last_seq
             WHERE s.room_id = $1 AND s.user_id = $2",
        )
        .bind(post.room.as_uuid())
        .bind(post.sender.as_str())
        .fetch_optional(tx)
        .await?
    };
    let until = last_at_us.map(|last| Timestamp::from_micros(last + pause_us(post)));
    Ok(until.filter(|until| *until > now).map(Fate::TooSoon))
}

async fn store(
    tx: &mut SqliteConnection,
    room: &mut Room,
    post: &Post,
    now: Timestamp,
) -> Result<Fate, StoreError> {
    let place = room.next(post.id, now);
    if insert(tx, post, place).await? {
        room.take(place, &post.content);
        match &post.content {
            Content::User(body) => mention(tx, post.room, place.seq, &body.mentions).await?,
            Content::System(_) => notice(tx, post.room, place.seq).await?,
        }
        return Ok(Fate::Stored(place));
    }
    let first = find(tx, post).await?.ok_or(sqlx::Error::RowNotFound)?;
    Ok(Fate::Duplicate(first))
}

/// Whether it was new.
async fn insert(tx: &mut SqliteConnection, post: &Post, place: Place) -> Result<bool, StoreError> {
    let columns = ContentColumns::of(&post.content);
    let done = sqlx::query(
        "INSERT INTO messages (
             room_id, seq, rev, message_id, sender_id, client_id, text, extra, system, created_at_us
         )
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (room_id, sender_id, client_id) DO NOTHING",
    )
    .bind(post.room.as_uuid())
    .bind(signed(place.seq.0))
    .bind(signed(place.rev.0))
    .bind(place.id.as_uuid())
    .bind(post.sender.as_str())
    .bind(post.client_id.as_str())
    .bind(columns.text)
    .bind(columns.extra)
    .bind(columns.system)
    .bind(place.created_at.as_micros())
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The place of the message with the post's room, sender and client id.
async fn find(tx: &mut SqliteConnection, post: &Post) -> Result<Option<Place>, StoreError> {
    let row: Option<(i64, i64, Uuid, i64)> = sqlx::query_as(
        "SELECT seq, rev, message_id, created_at_us FROM messages
         WHERE room_id = $1 AND sender_id = $2 AND client_id = $3",
    )
    .bind(post.room.as_uuid())
    .bind(post.sender.as_str())
    .bind(post.client_id.as_str())
    .fetch_optional(tx)
    .await?;
    let Some((seq, rev, id, at_us)) = row else { return Ok(None) };
    Ok(Some(Place {
        seq: Seq(unsigned(seq)?),
        rev: Rev(unsigned(rev)?),
        id: MessageId::from_uuid(id),
        created_at: Timestamp::from_micros(at_us),
    }))
}

async fn notice(tx: &mut SqliteConnection, room: RoomId, seq: Seq) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO notices (room_id, seq) VALUES ($1, $2)")
        .bind(room.as_uuid())
        .bind(signed(seq.0))
        .execute(tx)
        .await?;
    Ok(())
}

/// Notes who is mentioned; somebody named twice counts once.
pub(super) async fn mention(
    tx: &mut SqliteConnection,
    room: RoomId,
    seq: Seq,
    users: &[UserId],
) -> Result<(), StoreError> {
    for user in users {
        sqlx::query("INSERT OR IGNORE INTO mentions (room_id, user_id, seq) VALUES ($1, $2, $3)")
            .bind(room.as_uuid())
            .bind(user.as_str())
            .bind(signed(seq.0))
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

async fn save_sender(
    tx: &mut SqliteConnection,
    room: RoomId,
    sender: &UserId,
    seq: Seq,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO senders (room_id, user_id, last_seq) VALUES ($1, $2, $3)
         ON CONFLICT DO UPDATE SET last_seq = excluded.last_seq",
    )
    .bind(room.as_uuid())
    .bind(sender.as_str())
    .bind(signed(seq.0))
    .execute(tx)
    .await?;
    Ok(())
}
