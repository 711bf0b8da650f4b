//! Whether what was acked is what is stored: judged in the tables, after a run.

use anyhow::{Result, ensure};
use hubbub_domain::RoomId;
use sqlx::PgPool;
use uuid::Uuid;

use super::append::{Acked, client_id};

/// Acks that are looked up in one query.
const CHUNK: usize = 50_000;

/// Every room's seqs are 1, 2, 3, … up to its head.
pub(crate) async fn gapless(pool: &PgPool) -> Result<()> {
    let broken: i64 = sqlx::query_scalar(
        "SELECT count(*)
         FROM (
             SELECT room_id, count(*) AS messages, min(seq) AS first, max(seq) AS last
             FROM history.messages
             GROUP BY room_id
         ) m
         FULL JOIN history.heads h USING (room_id)
         WHERE coalesce(m.messages, 0) <> coalesce(h.seq, -1)
             OR coalesce(m.last, 0) <> coalesce(h.seq, -1)
             OR m.first <> 1",
    )
    .fetch_one(pool)
    .await?;
    ensure!(broken == 0, "{broken} rooms have gaps in their seqs");
    Ok(())
}

/// Every acked message is stored under the seq of its ack.
pub(crate) async fn acked_is_stored(
    pool: &PgPool,
    rooms: &[RoomId],
    acked: &[Acked],
) -> Result<()> {
    for chunk in acked.chunks(CHUNK) {
        let ids: Vec<Uuid> = chunk.iter().map(|it| rooms[it.room].as_uuid()).collect();
        let seqs: Vec<i64> = chunk.iter().map(|it| it.seq.cast_signed()).collect();
        let clients: Vec<String> = chunk.iter().map(|it| client_id(it.client)).collect();
        let stored: i64 = sqlx::query_scalar(
            "SELECT count(*)
             FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS a (room_id, seq, client_id)
             JOIN history.messages m USING (room_id, seq, client_id)",
        )
        .bind(ids)
        .bind(seqs)
        .bind(clients)
        .fetch_one(pool)
        .await?;
        let stored = usize::try_from(stored)?;
        ensure!(stored == chunk.len(), "{} acked messages are not stored", chunk.len() - stored);
    }
    Ok(())
}
