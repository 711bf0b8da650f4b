//! A look at a server that was just promoted, before anybody reaches it.

use anyhow::Result;
use hubbub_domain::RoomId;
use sqlx::{Connection as _, Executor as _, PgConnection};

/// How many messages each room has there.
pub async fn heads(url: &str) -> Result<Vec<(RoomId, u64)>> {
    let mut connection = PgConnection::connect(url).await?;
    let rows: Vec<(uuid::Uuid, i64)> =
        sqlx::query_as("SELECT room_id, seq FROM history.heads").fetch_all(&mut connection).await?;
    let heads =
        rows.into_iter().map(|(room, seq)| Ok((RoomId::from_uuid(room), u64::try_from(seq)?)));
    heads.collect()
}

/// Makes it believe that it is the server of the epoch that it replicated: a planted bug.
pub async fn keep_epoch(url: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    let believe = "UPDATE history.meta SET started_at = pg_postmaster_start_time(),
         timeline = left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)";
    connection.execute(believe).await?;
    Ok(())
}
