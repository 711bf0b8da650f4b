-- $1 room, $2 the newest seq wanted (null: by $5), $3 only seqs above this, $4 limit,
-- $5 only what is older than this. One statement: head and messages are of one moment.
WITH head AS (
    SELECT coalesce(max(seq), 0) AS seq, coalesce(max(rev), 0) AS rev
    FROM history.heads
    WHERE room_id = $1
), span AS (
    SELECT seq, rev, least(coalesce($2::bigint, history.seq_before_v1($1, $5::bigint)), seq) AS top
    FROM head
)
SELECT
    span.seq AS head_seq, span.rev AS head_rev, meta.epoch,
    m.room_id, m.seq, m.rev, m.message_id, m.sender_id, m.client_id, m.text,
    m.extra::text AS extra, m.system::text AS system,
    m.created_at_us, m.edited_at_us, m.deleted_at_us, reacted.reactions
FROM span
JOIN history.current meta ON meta.one
LEFT JOIN LATERAL (
    SELECT * FROM history.messages
    WHERE room_id = $1 AND seq <= span.top AND seq > $3::bigint
    ORDER BY seq DESC
    LIMIT $4::bigint
) m ON true
LEFT JOIN LATERAL (
    SELECT json_agg(
        json_build_object('user', r.user_id, 'emoji', r.emoji) ORDER BY r.user_id, r.emoji
    )::text AS reactions
    FROM history.reactions r
    WHERE r.room_id = $1 AND r.seq = m.seq
) reacted ON true
ORDER BY m.seq
