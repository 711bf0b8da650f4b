//! A user with many rooms, written straight into the tables: every other one direct, the others groups of
//! five; twenty messages in each, some of them unread.

use anyhow::Result;
use sqlx::PgPool;

use super::READER;
use crate::stores::{append::TEXT, rooms, seed, uuids};

pub(super) async fn seed(pool: &PgPool, count: usize) -> Result<()> {
    let ids = uuids(&rooms(count));
    let mut transaction = pool.begin().await?;
    for statement in ROOM {
        sqlx::query(statement).bind(&ids).bind(READER).execute(&mut *transaction).await?;
    }
    sqlx::query(MESSAGES).bind(&ids).bind(TEXT).execute(&mut *transaction).await?;
    for statement in [HEADS, SENDERS] {
        sqlx::query(statement).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    sqlx::raw_sql("ANALYZE").execute(pool).await?;
    seed::settle(pool).await
}

/// The numbered rooms: odd ones are direct. Of each statement $1 are the rooms, $2 is the reader.
const ROOM: [&str; 5] = [
    "INSERT INTO room.rooms (
         room_id, kind, name, name_folded, topic, state, member_count, user_low, user_high,
         created_at_us, created_by
     )
     SELECT
         id, CASE WHEN n % 2 = 1 THEN 'direct' ELSE 'group' END,
         CASE WHEN n % 2 = 1 THEN '' ELSE 'Group ' || n END,
         CASE WHEN n % 2 = 1 THEN '' ELSE 'group ' || n END, '', 'open',
         CASE WHEN n % 2 = 1 THEN 2 ELSE 5 END,
         CASE WHEN n % 2 = 1 THEN 'peer-' || n END, CASE WHEN n % 2 = 1 THEN $2::text END,
         1700000000000000 + n, $2
     FROM unnest($1::uuid[]) WITH ORDINALITY AS r (id, n)",
    "INSERT INTO room.direct_rooms (user_low, user_high, room_id)
     SELECT 'peer-' || n, $2::text, id
     FROM unnest($1::uuid[]) WITH ORDINALITY AS r (id, n)
     WHERE n % 2 = 1",
    "INSERT INTO room.members (room_id, user_id, role, joined_at_us)
     SELECT
         id, CASE WHEN place = 1 THEN $2::text ELSE 'peer-' || n + place - 2 END,
         CASE WHEN place = 1 AND n % 2 = 0 THEN 'owner' ELSE 'member' END, 1700000000000000 + n
     FROM unnest($1::uuid[]) WITH ORDINALITY AS r (id, n)
     CROSS JOIN generate_series(1, CASE WHEN n % 2 = 1 THEN 2 ELSE 5 END) AS place",
    "INSERT INTO room.records (user_id, room_id, peer_id, last_read_seq, joined_at_us)
     SELECT
         m.user_id, m.room_id, CASE WHEN n % 2 = 1 THEN
             CASE WHEN m.user_id = $2::text THEN 'peer-' || n ELSE $2 END
         END, n % 21, m.joined_at_us
     FROM unnest($1::uuid[]) WITH ORDINALITY AS r (id, n)
     JOIN room.members m ON m.room_id = r.id",
    "INSERT INTO room.user_versions (user_id, version)
     SELECT user_id, count(*)
     FROM room.records
     WHERE room_id = ANY ($1::uuid[]) AND $2::text IS NOT NULL
     GROUP BY user_id",
];

/// Twenty in each of the rooms $1, one every second, the rooms begun in a jumbled order.
const MESSAGES: &str = "
    INSERT INTO history.messages (
        room_id, seq, rev, message_id, sender_id, client_id, text, created_at_us
    )
    SELECT
        id, seq, seq, gen_random_uuid(), 'peer-' || n, lpad(seq::text, 32, '0'), $2,
        1700000000000000 + seq * 1000000 + n * 7919 % 100003
    FROM unnest($1::uuid[]) WITH ORDINALITY AS r (id, n)
    CROSS JOIN generate_series(1, 20) AS seq";

const HEADS: &str = "
    INSERT INTO history.heads (room_id, seq, rev, last_at_us)
    SELECT room_id, max(seq), max(rev), max(created_at_us)
    FROM history.messages
    GROUP BY room_id";

const SENDERS: &str = "
    INSERT INTO history.senders (room_id, user_id, last_seq)
    SELECT room_id, sender_id, max(seq)
    FROM history.messages
    GROUP BY room_id, sender_id";
