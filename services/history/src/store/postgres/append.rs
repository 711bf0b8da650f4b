//! Storing a batch: one call of `history.append_v1`, one round trip, one commit.

use hubbub_domain::{MessageId, Rev, Seq, Timestamp};
use uuid::Uuid;

use super::kept::Kept;
use crate::store::{
    Batch, Committed, Fate, OutboxId, Place, Post, StoreError,
    record::{ContentColumns, signed, unsigned},
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
}

pub(super) async fn append(
    kept: &Kept,
    columns: &Columns<'_>,
    batch: Batch<'_>,
) -> Result<Committed, StoreError> {
    let finished: Vec<i64> = batch.finished.iter().map(|row| row.0).collect();
    let mut lease = kept.take().await?;
    let rows = sqlx::query_as(
        "SELECT o_fate, o_seq, o_rev, o_id, o_at_us, o_outbox
         FROM history.append_v1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&columns.rooms)
    .bind(&columns.senders)
    .bind(&columns.clients)
    .bind(&columns.ids)
    .bind(&columns.texts)
    .bind(&columns.extras)
    .bind(&columns.systems)
    .bind(&columns.replies)
    .bind(batch.now.as_micros())
    .bind(finished)
    .fetch_all(lease.connection())
    .await;
    let rows: Vec<FateRow> = lease.settle(rows)?;
    if rows.len() != batch.posts.len() {
        return Err(StoreError::Defect("append_v1 did not answer every post".into()));
    }
    let outbox = rows.first().and_then(|row| row.o_outbox).map(OutboxId);
    let fates = rows.into_iter().map(FateRow::fate).collect::<Result<_, _>>()?;
    Ok(Committed { fates, outbox })
}

impl FateRow {
    fn fate(self) -> Result<Fate, StoreError> {
        match self.o_fate.as_str() {
            "s" => self.place().map(Fate::Stored),
            "d" => self.place().map(Fate::Duplicate),
            _ => Ok(Fate::NoSuchReply),
        }
    }

    fn place(&self) -> Result<Place, StoreError> {
        let (Some(seq), Some(rev), Some(id), Some(at_us)) =
            (self.o_seq, self.o_rev, self.o_id, self.o_at_us)
        else {
            return Err(StoreError::Defect("append_v1 gave no place".into()));
        };
        Ok(Place {
            seq: Seq(unsigned(seq)?),
            rev: Rev(unsigned(rev)?),
            id: MessageId::from_uuid(id),
            created_at: Timestamp::from_micros(at_us),
        })
    }
}
