-- $1 rooms, $2 the earlier epoch. One row per room in their order, and one without a room when there is
-- none. In a room both epochs have what came before its first change in any later epoch.
SELECT
    meta.epoch, e.number IS NOT NULL AS known, asked.room IS NOT NULL AS asked,
    coalesce(least(h.rev, f.rev), 0) AS rev, coalesce(least(h.seq, f.seq), 0) AS seq
FROM history.current meta
LEFT JOIN history.epochs e ON e.epoch = $2 AND e.number >= meta.oldest_number
LEFT JOIN unnest($1::uuid[]) WITH ORDINALITY AS asked (room, ord) ON true
LEFT JOIN LATERAL (
    SELECT rev, seq FROM history.heads WHERE room_id = asked.room LIMIT 1
) h ON true
LEFT JOIN LATERAL (
    SELECT min(k.rev) AS rev, min(k.seq) AS seq
    FROM history.forks k
    WHERE k.room_id = asked.room AND k.number > e.number
) f ON true
WHERE meta.one
ORDER BY asked.ord
