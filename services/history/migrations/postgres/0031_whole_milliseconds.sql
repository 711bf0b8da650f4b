-- `created_at` rises by whole milliseconds (docs/adr/0022-times-of-a-room.md).
--
-- No release has called append_v3 yet, so that it is replaced. Instances of the release before call
-- append_v2, which leads to it, and what they store gets its time in the same way.
CREATE OR REPLACE FUNCTION history.append_v3(
    p_rooms uuid[], p_senders text[], p_clients text[], p_ids uuid[], p_texts text[],
    p_extras text[], p_systems text[], p_replies bigint[], p_pauses bigint[], p_now_us bigint,
    p_finished bigint[], p_finished_epoch uuid
) RETURNS TABLE (
    o_fate text, o_seq bigint, o_rev bigint, o_id uuid, o_at_us bigint, o_outbox bigint,
    o_epoch uuid
)
LANGUAGE plpgsql
-- The plans are the same for every batch; making them anew costs more than running them.
SET plan_cache_mode = force_generic_plan
-- A plan made while the tables were small must not survive their growth: only look-ups by key,
-- one per message, whatever the statistics say.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_material = off
AS $$
#variable_conflict use_column
DECLARE
    -- One element per message, or null when no message of the batch has such.
    v_gone boolean[];
    v_until_us bigint[];
    -- The epoch of this server; null when it has not begun one yet.
    v_epoch uuid;
    v_number bigint;
    -- Some room of the batch has not changed in this epoch yet.
    v_first boolean;
BEGIN
    -- Always in the order of the id, here and below: no two batches wait for each other in a circle.
    INSERT INTO history.heads (room_id)
    SELECT room FROM (SELECT DISTINCT unnest(p_rooms) AS room) asked
    WHERE (SELECT h.seq FROM history.heads h WHERE h.room_id = room LIMIT 1) IS NULL
    ORDER BY room
    ON CONFLICT DO NOTHING;

    SELECT c.epoch, c.number, bool_or(locked.epoch < c.number) INTO v_epoch, v_number, v_first
    FROM history.current c
    CROSS JOIN (
        SELECT epoch FROM history.heads
        WHERE room_id = ANY (p_rooms) ORDER BY room_id FOR UPDATE
    ) locked
    GROUP BY c.epoch, c.number;

    IF v_epoch IS NULL THEN
        RAISE EXCEPTION 'this server has not begun an epoch' USING ERRCODE = 'HB001';
    END IF;

    IF v_first THEN
        INSERT INTO history.forks (room_id, number, rev, seq)
        SELECT room_id, v_number, rev, seq FROM history.heads
        WHERE room_id = ANY (p_rooms) AND epoch < v_number
        ON CONFLICT DO NOTHING;
    END IF;

    -- From here on every statement sees what was committed before the locks were granted (READ
    -- COMMITTED).
    IF cardinality(array_remove(p_replies, NULL)) > 0 THEN
        SELECT array_agg(t.deleted_at_us IS NOT NULL ORDER BY e.ord) INTO v_gone
        FROM unnest(p_rooms, p_replies) WITH ORDINALITY AS e (room, reply, ord)
        LEFT JOIN LATERAL (
            SELECT deleted_at_us FROM history.messages
            WHERE room_id = e.room AND seq = e.reply
            LIMIT 1
        ) t ON true;
    END IF;

    IF 0 < ANY (p_pauses) THEN
        WITH entry AS (
            SELECT * FROM unnest(p_rooms, p_senders, p_clients, p_replies, p_pauses, v_gone)
                WITH ORDINALITY AS e (room, sender, client, reply, pause, gone, ord)
        ), waiting AS MATERIALIZED (
            SELECT
                e.*, own.at_us + e.pause AS until_us,
                e.pause > 0 AND first.seq IS NULL AND e.gone IS NOT TRUE
                    AND coalesce(e.reply <= h.seq, true)
                    AND coalesce(own.at_us + e.pause <= p_now_us, true) AS passes
            FROM entry e
            CROSS JOIN LATERAL (
                SELECT seq FROM history.heads WHERE room_id = e.room LIMIT 1
            ) h
            LEFT JOIN LATERAL (
                SELECT m.seq FROM history.messages m
                WHERE m.room_id = e.room AND m.sender_id = e.sender AND m.client_id = e.client
                LIMIT 1
            ) first ON true
            LEFT JOIN LATERAL (
                SELECT m.created_at_us AS at_us
                FROM history.senders s
                JOIN history.messages m ON m.room_id = s.room_id AND m.seq = s.last_seq
                WHERE s.room_id = e.room AND s.user_id = e.sender
                LIMIT 1
            ) own ON true
        )
        SELECT array_agg(turns.until_us ORDER BY turns.ord) INTO v_until_us
        FROM (
            SELECT
                w.ord,
                CASE
                    WHEN w.pause = 0 THEN NULL
                    -- Of several messages of one sender in one batch only the first has waited.
                    WHEN w.passes AND row_number() OVER turn > 1 THEN p_now_us + w.pause
                    ELSE w.until_us
                END AS until_us
            FROM waiting w
            WINDOW turn AS (PARTITION BY w.room, w.sender, w.passes ORDER BY w.ord)
        ) turns;
    END IF;

    RETURN QUERY
    WITH entry AS (
        SELECT * FROM unnest(
            p_rooms, p_senders, p_clients, p_ids, p_texts, p_extras, p_systems, p_replies, v_gone,
            v_until_us
        ) WITH ORDINALITY
            AS e (room, sender, client, id, text, extra, system, reply, gone, until_us, ord)
    ), found AS MATERIALIZED (
        SELECT
            e.*,
            h.seq AS head_seq, h.rev AS head_rev, h.last_at_us,
            first.seq AS first_seq, first.rev AS first_rev, first.message_id AS first_id,
            first.created_at_us AS first_at_us,
            CASE
                WHEN first.seq IS NOT NULL THEN 'd'
                WHEN e.reply > h.seq THEN 'r'
                WHEN e.gone THEN 'g'
                WHEN e.until_us > p_now_us THEN 'w'
                ELSE 's'
            END AS fate
        FROM entry e
        CROSS JOIN LATERAL (
            SELECT seq, rev, last_at_us FROM history.heads WHERE room_id = e.room LIMIT 1
        ) h
        LEFT JOIN LATERAL (
            SELECT m.seq, m.rev, m.message_id, m.created_at_us
            FROM history.messages m
            WHERE m.room_id = e.room AND m.sender_id = e.sender AND m.client_id = e.client
            LIMIT 1
        ) first ON true
    ), numbered AS MATERIALIZED (
        SELECT
            f.*,
            row_number() OVER nth AS nth,
            -- The milliseconds of a room are unique, so that a client that reads the time in milliseconds can
            -- page by it. A room that is a second ahead of the clock rises by hundredths of one.
            CASE WHEN f.last_at_us - p_now_us < 1000000 THEN
                greatest(p_now_us / 1000, f.last_at_us / 1000 + 1) * 1000
                    + (row_number() OVER nth - 1) * 1000
            ELSE
                f.last_at_us + row_number() OVER nth * 10
            END AS at_us
        FROM found f
        WINDOW nth AS (PARTITION BY f.room, f.fate ORDER BY f.ord)
    ), placed AS MATERIALIZED (
        SELECT * FROM numbered n WHERE n.fate = 's'
    ), stored AS (
        INSERT INTO history.messages (
            room_id, seq, rev, message_id, sender_id, client_id, text, extra, system, created_at_us
        )
        SELECT
            p.room, p.head_seq + p.nth, p.head_rev + p.nth, p.id, p.sender, p.client, p.text,
            p.extra::jsonb, p.system::jsonb, p.at_us
        FROM placed p
    ), grown AS MATERIALIZED (
        SELECT
            p.room, max(p.nth) AS posts, max(p.at_us) AS at_us,
            min(p.head_rev) + 1 AS first_rev, max(p.head_rev + p.nth) AS last_rev
        FROM placed p
        GROUP BY p.room
    ), moved AS (
        UPDATE history.heads h
        SET seq = h.seq + g.posts, rev = h.rev + g.posts, last_at_us = g.at_us,
            epoch = greatest(h.epoch, v_number)
        FROM grown g
        WHERE h.room_id = g.room
    ), sent AS (
        INSERT INTO history.senders AS s (room_id, user_id, last_seq)
        SELECT p.room, p.sender, max(p.head_seq + p.nth)
        FROM placed p
        WHERE p.system IS NULL
        GROUP BY p.room, p.sender
        ON CONFLICT (room_id, user_id) DO UPDATE SET last_seq = excluded.last_seq
    ), noted AS (
        INSERT INTO history.outbox (created_at_us, rooms, first_revs, last_revs)
        SELECT
            p_now_us, array_agg(g.room ORDER BY g.room), array_agg(g.first_rev ORDER BY g.room),
            array_agg(g.last_rev ORDER BY g.room)
        FROM grown g
        HAVING count(*) > 0
        RETURNING id
    ), cleared AS (
        DELETE FROM history.outbox
        WHERE id IN (
            -- What a sweeper holds it will delete itself.
            SELECT id FROM history.outbox
            WHERE id = ANY (p_finished) AND p_finished_epoch = v_epoch
            FOR UPDATE SKIP LOCKED
        )
    )
    SELECT
        n.fate,
        coalesce(n.first_seq, n.head_seq + n.nth),
        coalesce(n.first_rev, n.head_rev + n.nth),
        coalesce(n.first_id, n.id),
        CASE WHEN n.fate = 'w' THEN n.until_us ELSE coalesce(n.first_at_us, n.at_us) END,
        (SELECT noted.id FROM noted),
        v_epoch
    FROM numbered n
    ORDER BY n.ord;

    -- What is found here was stored above, or before: then it is noted already, or no longer so.
    IF cardinality(array_remove(p_systems, NULL)) > 0 THEN
        WITH noticed AS (
            INSERT INTO history.notices (room_id, seq)
            SELECT m.room_id, m.seq
            FROM unnest(p_rooms, p_senders, p_clients, p_systems)
                AS e (room, sender, client, system)
            CROSS JOIN LATERAL (
                SELECT * FROM history.messages
                WHERE room_id = e.room AND sender_id = e.sender AND client_id = e.client
                LIMIT 1
            ) m
            WHERE e.system IS NOT NULL AND m.system IS NOT NULL
            ON CONFLICT DO NOTHING
            RETURNING room_id, seq
        )
        UPDATE history.heads h
        SET last_notice_seq = greatest(h.last_notice_seq, n.seq)
        FROM (SELECT room_id, max(seq) AS seq FROM noticed GROUP BY room_id) n
        WHERE h.room_id = n.room_id;
    END IF;

    IF cardinality(array_remove(p_extras, NULL)) > 0 THEN
        WITH mentioned AS (
            INSERT INTO history.mentions (room_id, user_id, seq)
            SELECT DISTINCT m.room_id, u.user_id, m.seq
            FROM unnest(p_rooms, p_senders, p_clients, p_extras)
                AS e (room, sender, client, extra)
            CROSS JOIN LATERAL (
                SELECT * FROM history.messages
                WHERE room_id = e.room AND sender_id = e.sender AND client_id = e.client
                LIMIT 1
            ) m
            CROSS JOIN LATERAL jsonb_array_elements_text(m.extra -> 'mentions') AS u (user_id)
            WHERE e.extra IS NOT NULL
            ON CONFLICT DO NOTHING
            RETURNING room_id, seq
        )
        UPDATE history.heads h
        SET last_mention_seq = greatest(h.last_mention_seq, n.seq)
        FROM (SELECT room_id, max(seq) AS seq FROM mentioned GROUP BY room_id) n
        WHERE h.room_id = n.room_id;
    END IF;
END
$$;
