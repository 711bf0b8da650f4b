-- $1 users, $2 rooms, $3 how far each has read, $4 how far it was delivered (0 leaves a marker).
WITH wanted AS (
    SELECT w.user_id, w.room_id, max(w.seq) AS seq, max(greatest(w.delivered, w.seq)) AS delivered
    FROM UNNEST($1::text[], $2::uuid[], $3::bigint[], $4::bigint[])
        AS w (user_id, room_id, seq, delivered)
    GROUP BY w.user_id, w.room_id
), behind AS (
    SELECT
        c.user_id, c.room_id, w.seq, w.delivered, c.last_read_seq AS old_read,
        greatest(c.delivered_seq, c.last_read_seq) AS old_delivered
    FROM room.records c JOIN wanted w ON c.user_id = w.user_id AND c.room_id = w.room_id
    WHERE c.last_read_seq < w.seq OR greatest(c.delivered_seq, c.last_read_seq) < w.delivered
    ORDER BY c.user_id, c.room_id
    FOR UPDATE OF c
), moved AS (
    UPDATE room.records c SET
        last_read_seq = greatest(c.last_read_seq, b.seq),
        delivered_seq = greatest(c.delivered_seq, c.last_read_seq, b.delivered)
    FROM behind b WHERE c.user_id = b.user_id AND c.room_id = b.room_id
    RETURNING
        c.user_id, c.room_id, c.pinned, c.muted, c.last_read_seq, c.delivered_seq,
        c.last_read_seq > b.old_read AS read_moved,
        c.delivered_seq > b.old_delivered AS delivered_moved
), marked AS (
    SELECT * FROM moved
    UNION ALL
    SELECT
        c.user_id, c.room_id, c.pinned, c.muted, greatest(c.last_read_seq, w.seq),
        greatest(c.delivered_seq, c.last_read_seq, w.delivered), false, false
    FROM room.records c JOIN wanted w ON c.user_id = w.user_id AND c.room_id = w.room_id
    WHERE NOT EXISTS (
        SELECT FROM moved m WHERE m.user_id = c.user_id AND m.room_id = c.room_id
    )
)
SELECT marked.*, r.member_count
FROM marked JOIN room.rooms r ON r.room_id = marked.room_id
