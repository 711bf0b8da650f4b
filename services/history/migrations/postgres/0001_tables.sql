-- Rooms' heads, messages, what changed about them, and what the bus has still to be told.
--
-- Every key starts with room_id, so that a sharded Postgres can distribute the tables. Text that is
-- part of a key is compared byte by byte (collation "C"), as the services compare it.

-- The one row says which history this is: revisions of another epoch mean nothing.
CREATE TABLE history.meta (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch uuid NOT NULL
);
INSERT INTO history.meta (epoch) VALUES (gen_random_uuid());

-- How far each room has come. Locking a row here orders all writers of its room.
CREATE TABLE history.heads (
    room_id uuid PRIMARY KEY,
    seq bigint NOT NULL DEFAULT 0,
    rev bigint NOT NULL DEFAULT 0,
    -- created_at_us of the newest message; 0 while there is none.
    last_at_us bigint NOT NULL DEFAULT 0,
    -- Deleted messages in the room: while it is 0 nobody counts them.
    tombstones bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

CREATE TABLE history.messages (
    room_id uuid NOT NULL,
    seq bigint NOT NULL,
    rev bigint NOT NULL,
    message_id uuid NOT NULL,
    sender_id text COLLATE "C" NOT NULL,
    client_id text COLLATE "C" NOT NULL,
    -- What somebody said; null for system notices and tombstones.
    text text,
    -- Attachments, reply_to and mentions; null when there are none of them.
    extra jsonb,
    -- What happened to the room; null for everything else.
    system jsonb,
    created_at_us bigint NOT NULL,
    edited_at_us bigint,
    deleted_at_us bigint,
    PRIMARY KEY (room_id, seq),
    UNIQUE (room_id, sender_id, client_id)
) PARTITION BY HASH (room_id);

DO $$
BEGIN
    FOR part IN 0..15 LOOP
        EXECUTE format(
            'CREATE TABLE history.messages_%s PARTITION OF history.messages
                 FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
            lpad(part::text, 2, '0'), part);
    END LOOP;
END
$$;

-- Unread counts leave tombstones out.
CREATE INDEX messages_tombstones ON history.messages (room_id, seq) WHERE deleted_at_us IS NOT NULL;

-- The changes that are not posts. Between two of them every revision is a post, so that the posts
-- after any revision are found without an index on messages.rev.
CREATE TABLE history.changes (
    room_id uuid NOT NULL,
    rev bigint NOT NULL,
    -- The room's seq when it happened.
    head_seq bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('edit', 'delete', 'react')),
    -- The message it is about.
    seq bigint NOT NULL,
    actor_id text COLLATE "C" NOT NULL,
    -- The new body, or the reaction; null for a deletion and for an edit of what was deleted since.
    payload jsonb,
    at_us bigint NOT NULL,
    PRIMARY KEY (room_id, rev)
);
-- A deletion erases the bodies of earlier edits, and is found again when it is repeated.
CREATE INDEX changes_of_message ON history.changes (room_id, seq);

CREATE TABLE history.reactions (
    room_id uuid NOT NULL,
    seq bigint NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    emoji text COLLATE "C" NOT NULL,
    PRIMARY KEY (room_id, seq, user_id, emoji)
);

-- Each person's own newest message in each room: nobody has their own messages unread.
CREATE TABLE history.senders (
    room_id uuid NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    last_seq bigint NOT NULL,
    PRIMARY KEY (room_id, user_id)
) WITH (fillfactor = 70);

-- What was committed and is not known to have been published: ranges of revisions, one per room.
CREATE TABLE history.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at_us bigint NOT NULL,
    rooms uuid[] NOT NULL,
    first_revs bigint[] NOT NULL,
    last_revs bigint[] NOT NULL
);
