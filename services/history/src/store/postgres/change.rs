//! Editing, deleting and reacting: one transaction each, under the lock of the room's head.

use hubbub_domain::{Body, Change, ChangeKind, Reaction, Rev, RoomId, Seq, Timestamp, limits};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    rules::{self, ChangeRefused, Delete, React, Reacted, Target},
    store::{
        ChangeError, Deletion, Edit, OutboxId, Reacting, Recorded, StoreError,
        record::{
            BodyRow, ChangeColumns, ContentColumns, EditPayload, ReactPayload, ReactedRow,
            TargetRow, signed, to_json, unsigned,
        },
    },
};

pub(super) async fn edit(pool: &PgPool, edit: &Edit) -> Result<Recorded, ChangeError> {
    let mut tx = pool.begin().await?;
    let (target, _) = lock(&mut tx, edit.room, edit.seq).await?;
    rules::may_edit(&target, &edit.actor, edit.body.reply_to)?;
    let (now, before) = said(&mut tx, edit).await?;
    edit.body.validate_edit(&now, limits::TEXT_CHARS_MAX)?;
    if edit.body.reply_to != now.reply_to {
        check_reply(&mut tx, edit).await?;
    }
    replace(&mut tx, edit, &now).await?;
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
async fn said(tx: &mut PgConnection, edit: &Edit) -> Result<(Body, Option<Body>), StoreError> {
    let row: BodyRow = sqlx::query_as(
        "SELECT text, extra::text AS extra, edited_at_us IS NOT NULL AS is_edited
         FROM history.messages WHERE room_id = $1 AND seq = $2",
    )
    .bind(edit.room.as_uuid())
    .bind(signed(edit.seq.0))
    .fetch_one(tx)
    .await?;
    row.before()
}

/// A reply to another message than before needs one that is there.
async fn check_reply(tx: &mut PgConnection, edit: &Edit) -> Result<(), ChangeError> {
    let Some(reply) = edit.body.reply_to else { return Ok(()) };
    let deleted: Option<bool> = sqlx::query_scalar(
        "SELECT deleted_at_us IS NOT NULL FROM history.messages WHERE room_id = $1 AND seq = $2",
    )
    .bind(edit.room.as_uuid())
    .bind(signed(reply.0))
    .fetch_optional(tx)
    .await?;
    if deleted == Some(true) { Err(ChangeRefused::ReplyDeleted.into()) } else { Ok(()) }
}

/// Writes the new body, and who is mentioned in it instead of those in the old one.
async fn replace(tx: &mut PgConnection, edit: &Edit, old: &Body) -> Result<(), StoreError> {
    let columns = ContentColumns::of_body(&edit.body);
    sqlx::query(
        "UPDATE history.messages SET text = $3, extra = $4::jsonb, edited_at_us = $5
         WHERE room_id = $1 AND seq = $2",
    )
    .bind(edit.room.as_uuid())
    .bind(signed(edit.seq.0))
    .bind(columns.text)
    .bind(columns.extra)
    .bind(edit.now.as_micros())
    .execute(&mut *tx)
    .await?;
    if old.mentions == edit.body.mentions {
        return Ok(());
    }
    let users =
        |body: &Body| -> Vec<String> { body.mentions.iter().map(ToString::to_string).collect() };
    sqlx::query(
        "WITH gone AS (
             DELETE FROM history.mentions
             WHERE room_id = $1 AND seq = $2 AND user_id = ANY ($3) AND user_id <> ALL ($4)
         ), told AS (
             UPDATE history.heads SET last_mention_seq = greatest(last_mention_seq, $2)
             WHERE room_id = $1
         )
         INSERT INTO history.mentions (room_id, user_id, seq)
         SELECT DISTINCT $1, m.user_id, $2 FROM unnest($4) AS m (user_id)
         ON CONFLICT DO NOTHING",
    )
    .bind(edit.room.as_uuid())
    .bind(signed(edit.seq.0))
    .bind(users(old))
    .bind(users(&edit.body))
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn delete(pool: &PgPool, deletion: &Deletion) -> Result<Recorded, ChangeError> {
    let Deletion { room, seq, actor, standing, now } = deletion;
    let mut tx = pool.begin().await?;
    let (target, _) = lock(&mut tx, *room, *seq).await?;
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
async fn erase(tx: &mut PgConnection, deletion: &Deletion) -> Result<(), StoreError> {
    let (room, seq) = (deletion.room.as_uuid(), signed(deletion.seq.0));
    sqlx::query(
        "WITH erased AS (
             UPDATE history.changes SET payload = NULL
             WHERE room_id = $1 AND seq = $2 AND kind = 'edit'
         ), unreacted AS (
             DELETE FROM history.reactions WHERE room_id = $1 AND seq = $2
         ), unmentioned AS (
             DELETE FROM history.mentions
             WHERE room_id = $1 AND seq = $2 AND user_id IN (
                 SELECT jsonb_array_elements_text(m.extra -> 'mentions')
                 FROM history.messages m WHERE m.room_id = $1 AND m.seq = $2
             )
         ), counted AS (
             UPDATE history.heads SET tombstones = tombstones + 1 WHERE room_id = $1
         )
         UPDATE history.messages SET text = NULL, extra = NULL, deleted_at_us = $3
         WHERE room_id = $1 AND seq = $2",
    )
    .bind(room)
    .bind(seq)
    .bind(deletion.now.as_micros())
    .execute(tx)
    .await?;
    Ok(())
}

async fn first_deletion(
    tx: &mut PgConnection,
    room: RoomId,
    seq: Seq,
) -> Result<Recorded, ChangeError> {
    let (rev, at_us): (i64, i64) = sqlx::query_as(
        "SELECT rev, at_us FROM history.changes
         WHERE room_id = $1 AND seq = $2 AND kind = 'delete'",
    )
    .bind(room.as_uuid())
    .bind(signed(seq.0))
    .fetch_one(tx)
    .await?;
    Ok(Recorded::Unchanged { rev: Rev(unsigned(rev)?), at: Timestamp::from_micros(at_us) })
}

pub(super) async fn react(pool: &PgPool, reacting: &Reacting) -> Result<Recorded, ChangeError> {
    let Reacting { room, seq, actor, emoji, on, bounds, now } = reacting;
    let mut tx = pool.begin().await?;
    let (target, rev) = lock(&mut tx, *room, *seq).await?;
    let reacted = reacted(&mut tx, reacting).await?;
    let write = match rules::may_react(&target, reacted, (*on, *bounds))? {
        React::Nothing => return Ok(Recorded::Unchanged { rev, at: *now }),
        React::Set => "INSERT INTO history.reactions VALUES ($1, $2, $3, $4)",
        React::Unset => {
            "DELETE FROM history.reactions
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

async fn reacted(tx: &mut PgConnection, reacting: &Reacting) -> Result<Reacted, StoreError> {
    let row: ReactedRow = sqlx::query_as(
        "SELECT count(*) AS count, count(*) FILTER (WHERE user_id = $3) AS own,
             count(DISTINCT emoji) AS emoji,
             coalesce(bool_or(user_id = $3 AND emoji = $4), false) AS present,
             coalesce(bool_or(emoji = $4), false) AS known
         FROM history.reactions WHERE room_id = $1 AND seq = $2",
    )
    .bind(reacting.room.as_uuid())
    .bind(signed(reacting.seq.0))
    .bind(reacting.actor.as_str())
    .bind(&reacting.emoji)
    .fetch_one(tx)
    .await?;
    row.reacted()
}

/// Locks the room against all other writers and looks at the message. Also the room's revision.
async fn lock(tx: &mut PgConnection, room: RoomId, seq: Seq) -> Result<(Target, Rev), ChangeError> {
    let head: Option<(i64, bool)> = sqlx::query_as(
        "SELECT h.rev, c.epoch IS NOT NULL FROM history.heads h CROSS JOIN history.current c
         WHERE h.room_id = $1 FOR UPDATE OF h",
    )
    .bind(room.as_uuid())
    .fetch_optional(&mut *tx)
    .await?;
    let rev = match head {
        Some((_, false)) => return Err(StoreError::OtherServer.into()),
        head => head.map(|(rev, _)| rev),
    };
    let row: Option<TargetRow> = sqlx::query_as(
        "SELECT sender_id, system IS NOT NULL AS is_system, deleted_at_us IS NOT NULL AS is_deleted
         FROM history.messages WHERE room_id = $1 AND seq = $2",
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
    tx: &mut PgConnection,
    room: RoomId,
    columns: &ChangeColumns<'_>,
) -> Result<(Rev, OutboxId), StoreError> {
    let (rev, row, epoch): (i64, i64, Uuid) = sqlx::query_as(
        "WITH forked AS (
             INSERT INTO history.forks (room_id, number, rev, seq)
             SELECT h.room_id, m.number, h.rev, h.seq
             FROM history.heads h CROSS JOIN history.meta m
             WHERE h.room_id = $1 AND h.epoch < m.number
             ON CONFLICT DO NOTHING
         ), moved AS (
             UPDATE history.heads h SET rev = h.rev + 1, epoch = greatest(h.epoch, m.number)
             FROM history.meta m
             WHERE h.room_id = $1
             RETURNING h.seq, h.rev
         ), changed AS (
             INSERT INTO history.changes
                 (room_id, rev, head_seq, kind, seq, actor_id, payload, at_us)
             SELECT $1, moved.rev, moved.seq, $2, $3, $4, $5::jsonb, $6 FROM moved
         )
         INSERT INTO history.outbox (created_at_us, rooms, first_revs, last_revs)
         SELECT $6, ARRAY[$1], ARRAY[moved.rev], ARRAY[moved.rev] FROM moved
         RETURNING first_revs[1], id, (SELECT epoch FROM history.meta)",
    )
    .bind(room.as_uuid())
    .bind(columns.kind)
    .bind(signed(columns.seq.0))
    .bind(columns.actor.as_str())
    .bind(&columns.payload)
    .bind(columns.at.as_micros())
    .fetch_one(tx)
    .await?;
    Ok((Rev(unsigned(rev)?), OutboxId { row, epoch }))
}
