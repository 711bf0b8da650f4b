//! Blocks. Whoever blocks, and whoever makes a direct room, takes the pair's lock first: neither
//! misses the other.

use hubbub_domain::{RoomId, UserId, direct_pair};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{reads, write};
use crate::{
    blocking::{Block, BlockState, Shut},
    model::MembershipChange,
    store::{Result, rows::signed},
};

pub(super) async fn lock_pair(
    connection: &mut PgConnection,
    low: &UserId,
    high: &UserId,
) -> Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1 || E'\\n' || $2, 1))")
        .bind(low.as_str())
        .bind(high.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether either blocks the other.
pub(super) async fn between(
    connection: &mut PgConnection,
    low: &UserId,
    high: &UserId,
) -> Result<bool> {
    let (blocked,): (bool,) = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM room.blocks
         WHERE blocked AND ((user_id = $1 AND peer_id = $2) OR (user_id = $2 AND peer_id = $1)))",
    )
    .bind(low.as_str())
    .bind(high.as_str())
    .fetch_one(connection)
    .await?;
    Ok(blocked)
}

pub(super) async fn set(pool: &PgPool, block: &Block) -> Result<Shut> {
    let (low, high) = direct_pair(&block.user, &block.peer)?;
    let mut tx = pool.begin().await?;
    lock_pair(&mut tx, low, high).await?;
    sqlx::query(
        "INSERT INTO room.blocks AS b (user_id, peer_id, blocked, version) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id, peer_id) DO UPDATE
         SET blocked = excluded.blocked, version = excluded.version
         WHERE b.version < excluded.version",
    )
    .bind(block.user.as_str())
    .bind(block.peer.as_str())
    .bind(block.state == BlockState::Blocked)
    .bind(signed(block.version))
    .execute(&mut *tx)
    .await?;
    let blocked = between(&mut tx, low, high).await?;
    let room: Option<(Uuid,)> = sqlx::query_as(
        "UPDATE room.rooms r SET blocked = $3 FROM room.direct_rooms d
         WHERE d.user_low = $1 AND d.user_high = $2 AND r.room_id = d.room_id AND r.blocked <> $3
         RETURNING r.room_id",
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
