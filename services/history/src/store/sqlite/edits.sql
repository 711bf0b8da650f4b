-- $1 room, $2 message, $3 only versions before this revision, $4 limit. The answer is that of
-- postgres/edits.sql.
WITH target AS (
    SELECT * FROM messages WHERE room_id = $1 AND seq = $2
), edits AS (
    SELECT rev, at_us, payload FROM changes WHERE room_id = $1 AND seq = $2 AND kind = 'edit'
), versions AS (
    SELECT e.rev, e.at_us, json_remove(e.payload, '$.before') AS body FROM edits e
    UNION ALL
    SELECT
        t.rev, t.created_at_us,
        CASE
            WHEN t.edited_at_us IS NULL THEN json_set(coalesce(t.extra, '{}'), '$.text', t.text)
            ELSE (SELECT json_extract(e.payload, '$.before') FROM edits e ORDER BY e.rev LIMIT 1)
        END
    FROM target t
), page AS (
    SELECT * FROM versions WHERE rev < $3 AND body IS NOT NULL ORDER BY rev DESC LIMIT $4
)
SELECT
    t.sender_id, t.system IS NOT NULL AS is_system, t.deleted_at_us IS NOT NULL AS is_deleted,
    v.rev, v.at_us, v.body
FROM target t
LEFT JOIN page v ON true
ORDER BY v.rev DESC
