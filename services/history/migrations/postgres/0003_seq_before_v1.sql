-- The seq of the newest message of a room that is older than a moment; 0 when there is none.
--
-- created_at_us rises strictly with seq, so that halving the room finds it in some twenty probes of
-- the primary key: no index on the time has to be written for every message.
CREATE FUNCTION history.seq_before_v1(p_room uuid, p_at_us bigint) RETURNS bigint
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
DECLARE
    -- Everything up to `low` is older, everything from `high` on is not.
    low bigint := 0;
    high bigint;
    middle bigint;
    at_us bigint;
BEGIN
    SELECT h.seq + 1 INTO high FROM history.heads h WHERE h.room_id = p_room;
    WHILE high - low > 1 LOOP
        middle := (low + high) / 2;
        SELECT m.created_at_us INTO at_us
        FROM history.messages m
        WHERE m.room_id = p_room AND m.seq = middle;
        IF at_us < p_at_us THEN
            low := middle;
        ELSE
            high := middle;
        END IF;
    END LOOP;
    RETURN low;
END
$$;
