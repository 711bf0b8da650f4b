-- $1 a JSON array of [room in hexadecimal, how far the user has read], $2 the user (null: nothing is
-- counted). The answer is that of postgres/heads.sql.
WITH asked AS (
    SELECT
        a.key AS ord, unhex(a.value ->> 0) AS room,
        max(a.value ->> 1, coalesce(s.last_seq, 0)) AS read_seq
    FROM json_each($1) a
    LEFT JOIN senders s ON s.room_id = unhex(a.value ->> 0) AND s.user_id = $2
)
SELECT
    asked.room AS room_id, coalesce(h.seq, 0) AS head_seq, coalesce(h.rev, 0) AS head_rev,
    nullif(h.last_at_us, 0) AS last_at_us,
    -- The newest of what people said. Only the last 20 places are looked at: a room with more notices than
    -- that at its end is as quiet as one in which nothing was said.
    CASE WHEN h.last_notice_seq < h.seq THEN h.last_at_us ELSE (
        SELECT m.created_at_us FROM messages m
        WHERE m.room_id = asked.room AND m.seq > h.seq - 20 AND m.system IS NULL
        ORDER BY m.seq DESC LIMIT 1
    ) END AS last_said_at_us,
    asked.read_seq,
    CASE WHEN $2 IS NULL OR coalesce(h.seq, 0) <= asked.read_seq THEN 0
        ELSE h.seq - asked.read_seq - CASE WHEN h.tombstones = 0 THEN 0 ELSE (
            SELECT count(*) FROM messages m
            WHERE m.room_id = asked.room AND m.deleted_at_us IS NOT NULL
                AND m.seq > asked.read_seq
        ) END - CASE WHEN h.last_notice_seq <= asked.read_seq THEN 0 ELSE (
            SELECT count(*) FROM notices m
            WHERE m.room_id = asked.room AND m.seq > asked.read_seq
        ) END
    END AS unread,
    CASE WHEN $2 IS NULL OR coalesce(h.last_mention_seq, 0) <= asked.read_seq THEN 0 ELSE (
        SELECT count(*) FROM mentions m
        WHERE m.room_id = asked.room AND m.user_id = $2 AND m.seq > asked.read_seq
    ) END AS mentions,
    meta.epoch
FROM meta
LEFT JOIN asked ON true
LEFT JOIN heads h ON h.room_id = asked.room
ORDER BY asked.ord
