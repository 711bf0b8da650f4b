-- Receipts and slow mode.

ALTER TABLE room.records
    -- How far the room's messages have reached one of the user's devices. What was read was delivered,
    -- whether or not this says so.
    ADD COLUMN delivered_seq bigint NOT NULL DEFAULT 0,
    -- The room's newest message when the user came: nothing up to it was meant for them.
    ADD COLUMN joined_seq bigint NOT NULL DEFAULT 0;

-- The least time between two messages of a member; 0: none.
ALTER TABLE room.rooms ADD COLUMN slow_mode_seconds bigint NOT NULL DEFAULT 0;
