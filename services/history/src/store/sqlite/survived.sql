-- $1 a JSON array of rooms in hexadecimal, $2 the earlier epoch. The answer is that of
-- postgres/survived.sql.
SELECT
    meta.epoch, e.number IS NOT NULL AS known, a.value IS NOT NULL AS asked,
    coalesce(min(h.rev, coalesce(f.rev, h.rev)), 0) AS rev,
    coalesce(min(h.seq, coalesce(f.seq, h.seq)), 0) AS seq
FROM meta
LEFT JOIN epochs e ON e.epoch = $2 AND e.number >= meta.oldest_number
LEFT JOIN json_each($1) a ON true
LEFT JOIN heads h ON h.room_id = unhex(a.value)
LEFT JOIN (
    SELECT forks.room_id, min(forks.rev) AS rev, min(forks.seq) AS seq
    FROM forks
    WHERE forks.number > (SELECT number FROM epochs WHERE epoch = $2)
    GROUP BY forks.room_id
) f ON f.room_id = h.room_id
ORDER BY a.key
