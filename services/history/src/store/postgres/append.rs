//! Storing a batch: one call of `history.append_v3`, one round trip, one commit.

use hubbub_domain::{MessageId, Rev, Seq, Timestamp};
use uuid::Uuid;

use super::{kept::Kept, outbox};
use crate::store::{
    Batch, Committed, Fate, OutboxId, Place, Post, StoreError,
    record::{ContentColumns, pause_us, signed, unsigned},
};

/// A batch as arrays, one element per post.
#[derive(Default)]
pub(super) struct Columns<'a> {
    rooms: Vec<Uuid>,
    senders: Vec<&'a str>,
    clients: Vec<&'a str>,
    ids: Vec<Uuid>,
    texts: Vec<Option<&'a str>>,
    extras: Vec<Option<String>>,
    systems: Vec<Option<String>>,
    replies: Vec<Option<i64>>,
    /// Microseconds.
    pauses: Vec<i64>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(posts: &'a [Post]) -> Self {
        let mut columns = Self::default();
        for post in posts {
            let ContentColumns { text, extra, system } = ContentColumns::of(&post.content);
            columns.rooms.push(post.room.as_uuid());
            columns.senders.push(post.sender.as_str());
            columns.clients.push(post.client_id.as_str());
            columns.ids.push(post.id.as_uuid());
            columns.texts.push(text);
            columns.extras.push(extra);
            columns.systems.push(system);
            columns.replies.push(post.content.reply_to().map(|seq| signed(seq.0)));
            columns.pauses.push(pause_us(post));
        }
        columns
    }
}

#[derive(sqlx::FromRow)]
struct FateRow {
    o_fate: String,
    o_seq: Option<i64>,
    o_rev: Option<i64>,
    o_id: Option<Uuid>,
    o_at_us: Option<i64>,
    o_outbox: Option<i64>,
    o_epoch: Uuid,
}

pub(super) async fn append(
    kept: &Kept,
    columns: &Columns<'_>,
    batch: Batch<'_>,
) -> Result<Committed, StoreError> {
    let (finished, finished_epoch) = outbox::of_newest_epoch(batch.finished);
    let mut lease = kept.take().await?;
    let rows = sqlx::query_as(
        "SELECT o_fate, o_seq, o_rev, o_id, o_at_us, o_outbox, o_epoch
         FROM history.append_v3($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(&columns.rooms)
    .bind(&columns.senders)
    .bind(&columns.clients)
    .bind(&columns.ids)
    .bind(&columns.texts)
    .bind(&columns.extras)
    .bind(&columns.systems)
    .bind(&columns.replies)
    .bind(&columns.pauses)
    .bind(batch.now.as_micros())
    .bind(finished)
    .bind(finished_epoch)
    .fetch_all(lease.connection())
    .await;
    let rows: Vec<FateRow> = lease.settle(rows)?;
    if rows.len() != batch.posts.len() {
        return Err(StoreError::Defect("append_v3 did not answer every post".into()));
    }
    let outbox =
        rows.first().and_then(|row| Some(OutboxId { row: row.o_outbox?, epoch: row.o_epoch }));
    let fates = rows.into_iter().map(FateRow::fate).collect::<Result<_, _>>()?;
    Ok(Committed { fates, outbox })
}

impl FateRow {
    fn fate(self) -> Result<Fate, StoreError> {
        match self.o_fate.as_str() {
            "s" => self.place().map(Fate::Stored),
            "d" => self.place().map(Fate::Duplicate),
            "g" => Ok(Fate::ReplyDeleted),
            "w" => {
                let until = self.o_at_us.ok_or(sqlx::Error::RowNotFound)?;
                Ok(Fate::TooSoon(Timestamp::from_micros(until)))
            }
            _ => Ok(Fate::NoSuchReply),
        }
    }

    fn place(&self) -> Result<Place, StoreError> {
        let (Some(seq), Some(rev), Some(id), Some(at_us)) =
            (self.o_seq, self.o_rev, self.o_id, self.o_at_us)
        else {
            return Err(StoreError::Defect("append_v3 gave no place".into()));
        };
        Ok(Place {
            seq: Seq(unsigned(seq)?),
            rev: Rev(unsigned(rev)?),
            id: MessageId::from_uuid(id),
            created_at: Timestamp::from_micros(at_us),
        })
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{RoomId, Seq, Timestamp, UserId};
    use hubbub_testkit::Postgres;
    use uuid::Uuid;

    use crate::{
        config::PostgresConfig,
        store::{Marker, Store as _, postgres::PostgresStore},
    };

    /// What an instance of the release before stores counts like all else.
    #[tokio::test]
    async fn the_first_append_goes_on_counting() {
        let postgres = Postgres::start().await.expect("Postgres");
        let url = postgres.database().await.expect("a database");
        let store =
            PostgresStore::connect(&url, &PostgresConfig::default()).await.expect("a store");
        let room = RoomId::generate();
        let places: Vec<(String, i64)> = sqlx::query_as(
            r#"SELECT o_fate, o_seq FROM history.append_v1(
                   ARRAY[$1, $1, $1], ARRAY['alice', 'system', 'alice'], ARRAY['1', '2', '3'],
                   $2, ARRAY['hi', NULL, 'you'], ARRAY[NULL, NULL, '{"mentions": ["bob"]}'],
                   ARRAY[NULL, '{"event": "joined", "user": "bob"}', NULL],
                   ARRAY[NULL, NULL, NULL]::bigint[], 1000, ARRAY[]::bigint[])"#,
        )
        .bind(room.as_uuid())
        .bind((0..3).map(|_| Uuid::new_v4()).collect::<Vec<_>>())
        .fetch_all(&store.pool)
        .await
        .expect("stored");
        let stored = |seq| ("s".to_owned(), seq);
        assert_eq!(places, [stored(1), stored(2), stored(3)]);
        let marker = Marker { room, last_read: Seq::ZERO, since: Timestamp::default() };
        let bob = UserId::parse("bob").expect("valid");
        let heads = store.heads(&[marker], Some(&bob)).await.expect("heads");
        assert_eq!((heads.rooms[0].unread, heads.rooms[0].mentions), (2, 1));
    }
}
