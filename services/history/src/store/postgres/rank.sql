-- $1 rooms, $2 how far the user has read in each, $3 what stands for a room's activity while it has
-- no message, $4 the user, $5 and $6 only rooms after this place, $7 limit.
-- The last message and what is unread are looked up for the rooms of the page alone.
WITH page AS MATERIALIZED (
    SELECT ranked.*
    FROM (
        SELECT
            asked.room, asked.read, coalesce(h.seq, 0) AS head_seq, coalesce(h.rev, 0) AS head_rev,
            coalesce(h.tombstones, 0) AS tombstones,
            coalesce(h.last_notice_seq, 0) AS last_notice_seq,
            coalesce(h.last_mention_seq, 0) AS last_mention_seq,
            nullif(h.last_at_us, 0) AS last_at_us, greatest(h.last_at_us, asked.since) AS active_at_us
        FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS asked (room, read, since)
        -- LIMIT 1 makes it a look-up by key, whatever the statistics say.
        LEFT JOIN LATERAL (
            SELECT * FROM history.heads WHERE room_id = asked.room LIMIT 1
        ) h ON true
    ) ranked
    WHERE $5::bigint IS NULL OR ranked.active_at_us < $5::bigint
        OR (ranked.active_at_us = $5::bigint AND ranked.room > $6::uuid)
    ORDER BY ranked.active_at_us DESC, ranked.room
    LIMIT $7::bigint
)
SELECT
    page.room AS ranked_room_id, page.head_seq, page.head_rev, page.last_at_us, page.active_at_us,
    mark.seq AS read_seq,
    greatest(page.head_seq - mark.seq - gone.tombstones - noticed.notices, 0) AS unread,
    mentioned.mentions,
    m.room_id, m.seq, m.rev, m.message_id, m.sender_id, m.client_id, m.text,
    m.extra::text AS extra, m.system::text AS system,
    m.created_at_us, m.edited_at_us, m.deleted_at_us, reacted.reactions
FROM page
LEFT JOIN LATERAL (
    SELECT last_seq FROM history.senders
    WHERE room_id = page.room AND user_id = $4::text
    LIMIT 1
) s ON true
CROSS JOIN LATERAL (SELECT greatest(page.read, s.last_seq) AS seq) mark
LEFT JOIN LATERAL (
    SELECT count(*) AS tombstones
    FROM history.messages t
    WHERE t.room_id = page.room AND t.deleted_at_us IS NOT NULL AND t.seq > mark.seq
        AND page.tombstones > 0 AND page.head_seq > mark.seq
) gone ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS notices
    FROM history.notices n
    WHERE n.room_id = page.room AND n.seq > mark.seq
        AND page.last_notice_seq > mark.seq
) noticed ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS mentions
    FROM history.mentions n
    WHERE n.room_id = page.room AND n.user_id = $4::text AND n.seq > mark.seq
        AND page.last_mention_seq > mark.seq
) mentioned ON true
LEFT JOIN LATERAL (
    SELECT * FROM history.messages l
    WHERE l.room_id = page.room AND l.seq = page.head_seq
    LIMIT 1
) m ON true
LEFT JOIN LATERAL (
    SELECT json_agg(
        json_build_object('user', r.user_id, 'emoji', r.emoji) ORDER BY r.user_id, r.emoji
    )::text AS reactions
    FROM history.reactions r
    WHERE r.room_id = page.room AND r.seq = page.head_seq
) reacted ON true
ORDER BY page.active_at_us DESC, page.room
