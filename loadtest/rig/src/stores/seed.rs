//! Rooms and messages written straight into the tables: a million appends would take longer than all
//! that is measured. The scenarios check that what is read through the services is what appends make.

use anyhow::Result;
use hubbub_domain::RoomId;
use sqlx::PgPool;

use super::append::TEXT;

/// Fills an empty room with this many messages of ten people.
pub(crate) async fn messages(pool: &PgPool, room: RoomId, count: u64) -> Result<()> {
    extend(pool, room, 0, count).await
}

/// Adds the messages after `from` up to `to`.
pub(crate) async fn extend(pool: &PgPool, room: RoomId, from: u64, to: u64) -> Result<()> {
    let room = room.as_uuid();
    let (from, to) = (from.cast_signed(), to.cast_signed());
    let mut transaction = pool.begin().await?;
    let messages = sqlx::query(MESSAGES).bind(room).bind(from).bind(to).bind(TEXT);
    messages.execute(&mut *transaction).await?;
    sqlx::query(HEAD).bind(room).bind(to).execute(&mut *transaction).await?;
    sqlx::query(SENDERS).bind(room).bind(from).bind(to).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// What autovacuum would come to do; without it the first readers pay for the seeding.
pub(crate) async fn settle(pool: &PgPool) -> Result<()> {
    for statement in ["VACUUM (ANALYZE) history.messages", "CHECKPOINT"] {
        sqlx::query(statement).execute(pool).await?;
    }
    Ok(())
}

/// A message each millisecond, long ago.
const MESSAGES: &str = "
    INSERT INTO history.messages (
        room_id, seq, rev, message_id, sender_id, client_id, text, created_at_us
    )
    SELECT
        $1, n, n, gen_random_uuid(), 'user-' || n % 10, lpad(n::text, 32, '0'), $4,
        1700000000000000 + n * 1000
    FROM generate_series($2::bigint + 1, $3::bigint) AS n";

const HEAD: &str = "
    INSERT INTO history.heads (room_id, seq, rev, last_at_us)
    SELECT room_id, seq, rev, created_at_us
    FROM history.messages
    WHERE room_id = $1 AND seq = $2
    ON CONFLICT (room_id)
    DO UPDATE SET seq = excluded.seq, rev = excluded.rev, last_at_us = excluded.last_at_us";

const SENDERS: &str = "
    INSERT INTO history.senders (room_id, user_id, last_seq)
    SELECT $1, 'user-' || n % 10, max(n)
    FROM generate_series(greatest($2::bigint, $3::bigint - 10) + 1, $3::bigint) AS n
    GROUP BY 2
    ON CONFLICT (room_id, user_id) DO UPDATE SET last_seq = excluded.last_seq";

/// Makes groups that have one member, who owns them.
pub(crate) async fn groups(pool: &PgPool, owner: &str, rooms: &[RoomId]) -> Result<()> {
    let ids = super::uuids(rooms);
    let mut transaction = pool.begin().await?;
    for statement in GROUPS {
        sqlx::query(statement).bind(&ids).bind(owner).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}

const GROUPS: [&str; 4] = [
    "INSERT INTO room.rooms (
         room_id, kind, name, name_folded, topic, state, member_count, created_at_us, created_by
     )
     SELECT id, 'group', 'Group ' || n, 'group ' || n, '', 'open', 1, 1700000000000000 + n, $2
     FROM unnest($1::uuid[]) WITH ORDINALITY AS r (id, n)",
    "INSERT INTO room.members (room_id, user_id, role, joined_at_us)
     SELECT id, $2, 'owner', 1700000000000000 + n
     FROM unnest($1::uuid[]) WITH ORDINALITY AS r (id, n)",
    "INSERT INTO room.records (user_id, room_id, joined_at_us)
     SELECT $2, id, 1700000000000000 + n
     FROM unnest($1::uuid[]) WITH ORDINALITY AS r (id, n)",
    "INSERT INTO room.user_versions (user_id, version)
     SELECT $2, cardinality($1::uuid[])
     ON CONFLICT (user_id) DO UPDATE SET version = user_versions.version + excluded.version",
];
