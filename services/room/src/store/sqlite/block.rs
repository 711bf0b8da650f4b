//! Blocks. One transaction writes at a time, so nobody makes a direct room meanwhile.

use hubbub_domain::{RoomId, UserId, direct_pair};
use sqlx::{SqliteConnection, SqlitePool};
use uuid::Uuid;

use super::{WRITE, reads, write};
use crate::{
    blocking::{Block, BlockState, Shut},
    model::MembershipChange,
    store::{Result, rows::signed},
};

/// Whether either blocks the other.
pub(super) async fn between(
    connection: &mut SqliteConnection,
    low: &UserId,
    high: &UserId,
) -> Result<bool> {
    let (blocked,): (bool,) = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM blocks
         WHERE blocked AND ((user_id = $1 AND peer_id = $2) OR (user_id = $2 AND peer_id = $1)))",
    )
    .bind(low.as_str())
    .bind(high.as_str())
    .fetch_one(connection)
    .await?;
    Ok(blocked)
}

pub(super) async fn set(pool: &SqlitePool, block: &Block) -> Result<Shut> {
    let (low, high) = direct_pair(&block.user, &block.peer)?;
    let mut tx = pool.begin_with(WRITE).await?;
    sqlx::query(
        "INSERT INTO blocks (user_id, peer_id, blocked, version) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id, peer_id) DO UPDATE
         SET blocked = excluded.blocked, version = excluded.version
         WHERE blocks.version < excluded.version",
    )
    .bind(block.user.as_str())
    .bind(block.peer.as_str())
    .bind(block.state == BlockState::Blocked)
    .bind(signed(block.version))
    .execute(&mut *tx)
    .await?;
    let blocked = between(&mut tx, low, high).await?;
    let room: Option<(Uuid,)> = sqlx::query_as(
        "UPDATE rooms SET blocked = $3
         WHERE room_id = (SELECT room_id FROM direct_rooms WHERE user_low = $1 AND user_high = $2)
           AND blocked <> $3
         RETURNING room_id",
    )
    .bind(low.as_str())
    .bind(high.as_str())
    .bind(blocked)
    .fetch_optional(&mut *tx)
    .await?;
    let changes = match room {
        None => Vec::new(),
        Some((room,)) => {
            let (room, both) = (RoomId::from_uuid(room), [low.clone(), high.clone()]);
            let versions = write::raise_versions(&mut tx, &both).await?;
            let memberships = reads::memberships_in(&mut *tx, room, &both).await?;
            MembershipChange::pair_up(room, versions, memberships)
        }
    };
    tx.commit().await?;
    Ok(changes)
}
