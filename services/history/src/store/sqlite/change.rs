//! Editing, deleting and reacting: one transaction each, under the file's write lock.

use hubbub_domain::{Body, Change, ChangeKind, Reaction, Rev, RoomId, Seq, Timestamp, limits};
use sqlx::{SqliteConnection, SqlitePool};

use super::{append, epochs, outbox};
use crate::{
    rules::{self, ChangeRefused, Delete, React, Reacted, Target},
    store::{
        ChangeError, Deletion, Edit, OutboxId, Range, Reacting, Recorded, StoreError,
        record::{
            BodyRow, ChangeColumns, ContentColumns, EditPayload, ReactPayload, ReactedRow,
            TargetRow, signed, to_json, unsigned,
        },
    },
};

pub(super) async fn edit(pool: &SqlitePool, edit: &Edit) -> Result<Recorded, ChangeError> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let (target, _) = look(&mut tx, edit.room, edit.seq).await?;
    rules::may_edit(&target, &edit.actor, edit.body.reply_to)?;
    let (now, before) = said(&mut tx, edit).await?;
    edit.body.validate_edit(&now, limits::TEXT_CHARS_MAX)?;
    // A reply to another message than before needs one that is there.
    if let Some(reply) = edit.body.reply_to
        && edit.body.reply_to != now.reply_to
        && append::is_deleted(&mut tx, edit.room, reply).await?
    {
        return Err(ChangeRefused::ReplyDeleted.into());
    }
    replace(&mut tx, edit).await?;
    let payload = EditPayload { body: edit.body.clone(), before };
    let columns = ChangeColumns {
        kind: "edit",
        seq: edit.seq,
        actor: &edit.actor,
        payload: Some(to_json(&payload)),
        at: edit.now,
    };
    let (rev, outbox) = record(&mut tx, edit.room, &columns).await?;
    tx.commit().await?;
    let kind = ChangeKind::Edited { seq: edit.seq, body: Some(edit.body.clone()), at: edit.now };
    Ok(Recorded::Changed { change: Change { rev, kind }, outbox })
}

/// What the message says now, and what of it is to be kept.
async fn said(tx: &mut SqliteConnection, edit: &Edit) -> Result<(Body, Option<Body>), StoreError> {
    let row: BodyRow = sqlx::query_as(
        "SELECT text, extra, edited_at_us IS NOT NULL AS is_edited
         FROM messages WHERE room_id = $1 AND seq = $2",
    )
    .bind(edit.room.as_uuid())
    .bind(signed(edit.seq.0))
    .fetch_one(tx)
    .await?;
    row.before()
}

/// Writes the new body, and who is mentioned in it instead of those in the old one.
async fn replace(tx: &mut SqliteConnection, edit: &Edit) -> Result<(), StoreError> {
    unmention(tx, edit.room, edit.seq).await?;
    let columns = ContentColumns::of_body(&edit.body);
    sqlx::query(
        "UPDATE messages SET text = $3, extra = $4, edited_at_us = $5
         WHERE room_id = $1 AND seq = $2",
    )
    .bind(edit.room.as_uuid())
    .bind(signed(edit.seq.0))
    .bind(columns.text)
    .bind(columns.extra)
    .bind(edit.now.as_micros())
    .execute(&mut *tx)
    .await?;
    if edit.body.mentions.is_empty() {
        return Ok(());
    }
    append::mention(tx, edit.room, edit.seq, &edit.body.mentions).await?;
    sqlx::query("UPDATE heads SET last_mention_seq = max(last_mention_seq, $2) WHERE room_id = $1")
        .bind(edit.room.as_uuid())
        .bind(signed(edit.seq.0))
        .execute(tx)
        .await?;
    Ok(())
}

/// Nobody is mentioned in the message any more. To be done while its body is still there.
async fn unmention(tx: &mut SqliteConnection, room: RoomId, seq: Seq) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM mentions
         WHERE room_id = $1 AND seq = $2 AND user_id IN (
             SELECT u.value
             FROM messages m, json_each(coalesce(m.extra, '{}'), '$.mentions') u
             WHERE m.room_id = $1 AND m.seq = $2
         )",
    )
    .bind(room.as_uuid())
    .bind(signed(seq.0))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn delete(
    pool: &SqlitePool,
    deletion: &Deletion,
) -> Result<Recorded, ChangeError> {
    let Deletion { room, seq, actor, standing, now } = deletion;
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let (target, _) = look(&mut tx, *room, *seq).await?;
    if rules::may_delete(&target, actor, *standing)? == Delete::Already {
        return first_deletion(&mut tx, *room, *seq).await;
    }
    erase(&mut tx, deletion).await?;
    let columns = ChangeColumns { kind: "delete", seq: *seq, actor, payload: None, at: *now };
    let (rev, outbox) = record(&mut tx, *room, &columns).await?;
    tx.commit().await?;
    let kind = ChangeKind::Deleted { seq: *seq, by: actor.clone(), at: *now };
    Ok(Recorded::Changed { change: Change { rev, kind }, outbox })
}

/// Takes away all that was said in a message: its body, its earlier bodies, the reactions to it.
async fn erase(tx: &mut SqliteConnection, deletion: &Deletion) -> Result<(), StoreError> {
    unmention(tx, deletion.room, deletion.seq).await?;
    let (room, seq) = (deletion.room.as_uuid(), signed(deletion.seq.0));
    let erasures = [
        "UPDATE changes SET payload = NULL WHERE room_id = $1 AND seq = $2 AND kind = 'edit'",
        "DELETE FROM reactions WHERE room_id = $1 AND seq = $2",
        "UPDATE messages SET text = NULL, extra = NULL WHERE room_id = $1 AND seq = $2",
    ];
    for erasure in erasures {
        sqlx::query(erasure).bind(room).bind(seq).execute(&mut *tx).await?;
    }
    sqlx::query("UPDATE messages SET deleted_at_us = $3 WHERE room_id = $1 AND seq = $2")
        .bind(room)
        .bind(seq)
        .bind(deletion.now.as_micros())
        .execute(&mut *tx)
        .await?;
    sqlx::query("UPDATE heads SET tombstones = tombstones + 1 WHERE room_id = $1")
        .bind(room)
        .execute(tx)
        .await?;
    Ok(())
}

async fn first_deletion(
    tx: &mut SqliteConnection,
    room: RoomId,
    seq: Seq,
) -> Result<Recorded, ChangeError> {
    let (rev, at_us): (i64, i64) = sqlx::query_as(
        "SELECT rev, at_us FROM changes
         WHERE room_id = $1 AND seq = $2 AND kind = 'delete'",
    )
    .bind(room.as_uuid())
    .bind(signed(seq.0))
    .fetch_one(tx)
    .await?;
    Ok(Recorded::Unchanged { rev: Rev(unsigned(rev)?), at: Timestamp::from_micros(at_us) })
}

pub(super) async fn react(pool: &SqlitePool, reacting: &Reacting) -> Result<Recorded, ChangeError> {
    let Reacting { room, seq, actor, emoji, on, bounds, now } = reacting;
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let (target, rev) = look(&mut tx, *room, *seq).await?;
    let reacted = reacted(&mut tx, reacting).await?;
    let write = match rules::may_react(&target, reacted, (*on, *bounds))? {
        React::Nothing => return Ok(Recorded::Unchanged { rev, at: *now }),
        React::Set => "INSERT INTO reactions VALUES ($1, $2, $3, $4)",
        React::Unset => {
            "DELETE FROM reactions
             WHERE room_id = $1 AND seq = $2 AND user_id = $3 AND emoji = $4"
        }
    };
    sqlx::query(write)
        .bind(room.as_uuid())
        .bind(signed(seq.0))
        .bind(actor.as_str())
        .bind(emoji)
        .execute(&mut *tx)
        .await?;
    let payload = Some(to_json(&ReactPayload { emoji: emoji.clone(), on: *on }));
    let columns = ChangeColumns { kind: "react", seq: *seq, actor, payload, at: *now };
    let (rev, outbox) = record(&mut tx, *room, &columns).await?;
    tx.commit().await?;
    let reaction = Reaction { user: actor.clone(), emoji: emoji.clone() };
    let kind = ChangeKind::Reacted { seq: *seq, reaction, on: *on };
    Ok(Recorded::Changed { change: Change { rev, kind }, outbox })
}

async fn reacted(tx: &mut SqliteConnection, reacting: &Reacting) -> Result<Reacted, StoreError> {
    let row: ReactedRow = sqlx::query_as(
        "SELECT count(*) AS count, count(*) FILTER (WHERE user_id = $3) AS own,
             count(DISTINCT emoji) AS emoji,
             coalesce(max(user_id = $3 AND emoji = $4), 0) AS present,
             coalesce(max(emoji = $4), 0) AS known
         FROM reactions WHERE room_id = $1 AND seq = $2",
    )
    .bind(reacting.room.as_uuid())
    .bind(signed(reacting.seq.0))
    .bind(reacting.actor.as_str())
    .bind(&reacting.emoji)
    .fetch_one(tx)
    .await?;
    row.reacted()
}

/// Looks at the message. Also the room's revision.
async fn look(
    tx: &mut SqliteConnection,
    room: RoomId,
    seq: Seq,
) -> Result<(Target, Rev), ChangeError> {
    let rev: Option<i64> = sqlx::query_scalar("SELECT rev FROM heads WHERE room_id = $1")
        .bind(room.as_uuid())
        .fetch_optional(&mut *tx)
        .await?;
    let row: Option<TargetRow> = sqlx::query_as(
        "SELECT sender_id, system IS NOT NULL AS is_system, deleted_at_us IS NOT NULL AS is_deleted
         FROM messages WHERE room_id = $1 AND seq = $2",
    )
    .bind(room.as_uuid())
    .bind(signed(seq.0))
    .fetch_optional(tx)
    .await?;
    let (Some(rev), Some(row)) = (rev, row) else {
        return Err(ChangeRefused::NoSuchMessage.into());
    };
    Ok((row.target(seq)?, Rev(unsigned(rev)?)))
}

/// Gives the change its revision and notes it for the bus.
async fn record(
    tx: &mut SqliteConnection,
    room: RoomId,
    columns: &ChangeColumns<'_>,
) -> Result<(Rev, OutboxId), StoreError> {
    let (seq, rev): (i64, i64) =
        sqlx::query_as("UPDATE heads SET rev = rev + 1 WHERE room_id = $1 RETURNING seq, rev")
            .bind(room.as_uuid())
            .fetch_one(&mut *tx)
            .await?;
    let before = (Rev(unsigned(rev - 1)?), Seq(unsigned(seq)?));
    epochs::note_fork(tx, room, before).await?;
    sqlx::query(
        "INSERT INTO changes (room_id, rev, head_seq, kind, seq, actor_id, payload, at_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(room.as_uuid())
    .bind(rev)
    .bind(seq)
    .bind(columns.kind)
    .bind(signed(columns.seq.0))
    .bind(columns.actor.as_str())
    .bind(&columns.payload)
    .bind(columns.at.as_micros())
    .execute(&mut *tx)
    .await?;
    let rev = Rev(unsigned(rev)?);
    let range = Range { room, first: rev, last: rev };
    Ok((rev, outbox::note(tx, columns.at, &[range]).await?))
}
