-- The parameters and the answer are those of postgres/page.sql.
WITH RECURSIVE head AS (
    SELECT coalesce(max(seq), 0) AS seq, coalesce(max(rev), 0) AS rev
    FROM heads
    WHERE room_id = $1
), halved (low, high) AS (
    -- As history.seq_before_v1 does: everything up to low is older than $5, from high on nothing is.
    SELECT 0, head.seq + 1 FROM head WHERE $5 IS NOT NULL
    UNION ALL
    SELECT
        CASE WHEN (
            SELECT created_at_us FROM messages WHERE room_id = $1 AND seq = (low + high) / 2
        ) < $5 THEN (low + high) / 2 ELSE low END,
        CASE WHEN (
            SELECT created_at_us FROM messages WHERE room_id = $1 AND seq = (low + high) / 2
        ) < $5 THEN high ELSE (low + high) / 2 END
    FROM halved
    WHERE high - low > 1
), span AS (
    SELECT seq, rev, min(coalesce($2, (SELECT max(low) FROM halved)), seq) AS top FROM head
)
SELECT
    span.seq AS head_seq, span.rev AS head_rev, meta.epoch, m.*,
    (
        SELECT json_group_array(
            json_object('user', r.user_id, 'emoji', r.emoji) ORDER BY r.user_id, r.emoji
        )
        FROM reactions r
        WHERE r.room_id = m.room_id AND r.seq = m.seq
    ) AS reactions
FROM span
CROSS JOIN meta
LEFT JOIN messages m
    ON m.room_id = $1 AND m.seq <= span.top AND m.seq > max($3, span.top - $4)
ORDER BY m.seq
