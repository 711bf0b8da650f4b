-- $1 room, $2 message, $3 only versions before this revision, $4 limit. One statement: who may see it
-- is judged by the message of the same moment. What it said first stands beside its first edit.
WITH target AS (
    SELECT * FROM history.messages WHERE room_id = $1 AND seq = $2::bigint
), edits AS (
    SELECT rev, at_us, payload FROM history.changes
    WHERE room_id = $1 AND seq = $2::bigint AND kind = 'edit'
), versions AS (
    SELECT e.rev, e.at_us, e.payload - 'before' AS body FROM edits e
    UNION ALL
    SELECT
        t.rev, t.created_at_us,
        CASE
            WHEN t.edited_at_us IS NULL
            THEN coalesce(t.extra, '{}') || jsonb_build_object('text', t.text)
            ELSE (SELECT e.payload -> 'before' FROM edits e ORDER BY e.rev LIMIT 1)
        END
    FROM target t
)
SELECT
    t.sender_id, t.system IS NOT NULL AS is_system, t.deleted_at_us IS NOT NULL AS is_deleted,
    v.rev, v.at_us, v.body::text AS body
FROM target t
LEFT JOIN LATERAL (
    SELECT * FROM versions
    WHERE versions.rev < $3::bigint AND versions.body IS NOT NULL
    ORDER BY versions.rev DESC
    LIMIT $4::bigint
) v ON true
ORDER BY v.rev DESC
