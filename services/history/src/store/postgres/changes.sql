-- $1 room, $2 after this revision, $3 limit. One statement: head and changes are of one moment.
WITH head AS (
    SELECT coalesce(max(seq), 0) AS seq, coalesce(max(rev), 0) AS rev
    FROM history.heads
    WHERE room_id = $1
), base AS (
    -- The room's seq at revision $2: since the last change that was no post, each was one.
    SELECT coalesce((
        SELECT c.head_seq + ($2::bigint - c.rev)
        FROM history.changes c
        WHERE c.room_id = $1 AND c.rev <= $2::bigint
        ORDER BY c.rev DESC
        LIMIT 1
    ), $2::bigint) AS seq
), step AS (
    (
        SELECT
            m.rev, 'post' AS kind, m.seq AS target_seq, m.sender_id AS actor_id,
            NULL::text AS payload, m.created_at_us AS at_us,
            m.room_id, m.seq, m.message_id, m.sender_id, m.client_id, m.text,
            m.extra::text AS extra, m.system::text AS system,
            m.created_at_us, m.edited_at_us, m.deleted_at_us
        FROM history.messages m
        WHERE m.room_id = $1 AND m.seq > (SELECT base.seq FROM base)
        ORDER BY m.seq
        LIMIT $3::bigint
    )
    UNION ALL
    (
        SELECT
            c.rev, c.kind, c.seq, c.actor_id, c.payload::text, c.at_us,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM history.changes c
        WHERE c.room_id = $1 AND c.rev > $2::bigint
        ORDER BY c.rev
        LIMIT $3::bigint
    )
)
SELECT
    head.seq AS head_seq, head.rev AS head_rev, meta.epoch, step.*, reacted.reactions
FROM head
JOIN history.current meta ON meta.one
LEFT JOIN LATERAL (SELECT * FROM step ORDER BY step.rev LIMIT $3::bigint) step ON true
LEFT JOIN LATERAL (
    SELECT json_agg(
        json_build_object('user', r.user_id, 'emoji', r.emoji) ORDER BY r.user_id, r.emoji
    )::text AS reactions
    FROM history.reactions r
    WHERE r.room_id = $1 AND r.seq = step.seq
) reacted ON true
ORDER BY step.rev
