-- The parameters and the answer are those of postgres/changes.sql.
WITH head AS (
    SELECT coalesce(max(seq), 0) AS seq, coalesce(max(rev), 0) AS rev
    FROM heads
    WHERE room_id = $1
), base AS (
    SELECT coalesce((
        SELECT c.head_seq + ($2 - c.rev)
        FROM changes c
        WHERE c.room_id = $1 AND c.rev <= $2
        ORDER BY c.rev DESC
        LIMIT 1
    ), $2) AS seq
), step AS (
    SELECT * FROM (
        SELECT
            m.rev, 'post' AS kind, m.seq AS target_seq, m.sender_id AS actor_id,
            NULL AS payload, m.created_at_us AS at_us,
            m.room_id, m.seq, m.message_id, m.sender_id, m.client_id, m.text, m.extra, m.system,
            m.created_at_us, m.edited_at_us, m.deleted_at_us
        FROM messages m
        WHERE m.room_id = $1 AND m.seq > (SELECT base.seq FROM base)
        ORDER BY m.seq
        LIMIT $3
    )
    UNION ALL
    SELECT * FROM (
        SELECT
            c.rev, c.kind, c.seq, c.actor_id, c.payload, c.at_us,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM changes c
        WHERE c.room_id = $1 AND c.rev > $2
        ORDER BY c.rev
        LIMIT $3
    )
)
SELECT
    head.seq AS head_seq, head.rev AS head_rev, meta.epoch, step.*,
    (
        SELECT json_group_array(
            json_object('user', r.user_id, 'emoji', r.emoji) ORDER BY r.user_id, r.emoji
        )
        FROM reactions r
        WHERE r.room_id = $1 AND r.seq = step.seq
    ) AS reactions
FROM head
CROSS JOIN meta
LEFT JOIN (SELECT * FROM step ORDER BY rev LIMIT $3) step ON true
ORDER BY step.rev
