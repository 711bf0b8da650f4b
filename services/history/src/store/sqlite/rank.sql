-- $1 a JSON array of [room in hexadecimal, how far the user has read, what stands for its activity],
-- $2 the user, $3 and $4 only rooms after this place, $5 limit. The answer is that of
-- postgres/rank.sql.
WITH ranked AS (
    SELECT
        unhex(a.value ->> 0) AS room, a.value ->> 1 AS read, coalesce(h.seq, 0) AS head_seq,
        coalesce(h.rev, 0) AS head_rev, coalesce(h.tombstones, 0) AS tombstones,
        coalesce(h.last_notice_seq, 0) AS last_notice_seq,
        coalesce(h.last_mention_seq, 0) AS last_mention_seq,
        nullif(h.last_at_us, 0) AS last_at_us,
        max(coalesce(h.last_at_us, 0), a.value ->> 2) AS active_at_us
    FROM json_each($1) a
    LEFT JOIN heads h ON h.room_id = unhex(a.value ->> 0)
), page AS MATERIALIZED (
    SELECT * FROM ranked
    WHERE $3 IS NULL OR active_at_us < $3 OR (active_at_us = $3 AND room > $4)
    ORDER BY active_at_us DESC, room
    LIMIT $5
), marked AS (
    SELECT page.*, max(page.read, coalesce(s.last_seq, 0)) AS read_seq
    FROM page
    LEFT JOIN senders s ON s.room_id = page.room AND s.user_id = $2
)
SELECT
    marked.room AS ranked_room_id, marked.head_seq, marked.head_rev, marked.last_at_us,
    marked.active_at_us,
    marked.read_seq,
    CASE WHEN marked.head_seq <= marked.read_seq THEN 0
        ELSE marked.head_seq - marked.read_seq - CASE WHEN marked.tombstones = 0 THEN 0 ELSE (
            SELECT count(*) FROM messages t
            WHERE t.room_id = marked.room AND t.deleted_at_us IS NOT NULL
                AND t.seq > marked.read_seq
        ) END - CASE WHEN marked.last_notice_seq <= marked.read_seq THEN 0 ELSE (
            SELECT count(*) FROM notices t
            WHERE t.room_id = marked.room AND t.seq > marked.read_seq
        ) END
    END AS unread,
    CASE WHEN marked.last_mention_seq <= marked.read_seq THEN 0 ELSE (
        SELECT count(*) FROM mentions t
        WHERE t.room_id = marked.room AND t.user_id = $2 AND t.seq > marked.read_seq
    ) END AS mentions,
    m.*,
    (
        SELECT json_group_array(
            json_object('user', r.user_id, 'emoji', r.emoji) ORDER BY r.user_id, r.emoji
        )
        FROM reactions r
        WHERE r.room_id = m.room_id AND r.seq = m.seq
    ) AS reactions
FROM marked
LEFT JOIN messages m ON m.room_id = marked.room AND m.seq = marked.head_seq
ORDER BY marked.active_at_us DESC, marked.room
