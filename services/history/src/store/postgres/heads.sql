-- $1 rooms, $2 how far the user has read in each, $3 the user (null: nothing is counted).
SELECT
    asked.room AS room_id, coalesce(h.seq, 0) AS head_seq, coalesce(h.rev, 0) AS head_rev,
    nullif(h.last_at_us, 0) AS last_at_us,
    -- The newest of what people said. Only the last 20 places are looked at: a room with more notices than
    -- that at its end is as quiet as one in which nothing was said.
    CASE WHEN h.last_notice_seq < h.seq THEN h.last_at_us ELSE (
        SELECT m.created_at_us FROM history.messages m
        WHERE m.room_id = asked.room AND m.seq > h.seq - 20 AND m.system IS NULL
        ORDER BY m.seq DESC LIMIT 1
    ) END AS last_said_at_us,
    mark.seq AS read_seq,
    CASE WHEN $3::text IS NULL THEN 0
        ELSE greatest(coalesce(h.seq, 0) - mark.seq - gone.tombstones - noticed.notices, 0)
    END AS unread,
    mentioned.mentions,
    meta.epoch
FROM history.current meta
LEFT JOIN unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS asked (room, read, ord) ON true
-- LIMIT 1 makes these look-ups by key, whatever the statistics say.
LEFT JOIN LATERAL (
    SELECT * FROM history.heads WHERE room_id = asked.room LIMIT 1
) h ON true
LEFT JOIN LATERAL (
    SELECT last_seq FROM history.senders
    WHERE room_id = asked.room AND user_id = $3::text
    LIMIT 1
) s ON true
CROSS JOIN LATERAL (SELECT greatest(asked.read, s.last_seq) AS seq) mark
LEFT JOIN LATERAL (
    SELECT count(*) AS tombstones
    FROM history.messages m
    WHERE m.room_id = asked.room AND m.deleted_at_us IS NOT NULL AND m.seq > mark.seq
        -- Most rooms have no tombstone, and most are read: they need no look.
        AND h.tombstones > 0 AND h.seq > mark.seq AND $3::text IS NOT NULL
) gone ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS notices
    FROM history.notices m
    WHERE m.room_id = asked.room AND m.seq > mark.seq
        AND h.last_notice_seq > mark.seq AND $3::text IS NOT NULL
) noticed ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS mentions
    FROM history.mentions m
    WHERE m.room_id = asked.room AND m.user_id = $3::text AND m.seq > mark.seq
        AND h.last_mention_seq > mark.seq
) mentioned ON true
WHERE meta.one
ORDER BY asked.ord
