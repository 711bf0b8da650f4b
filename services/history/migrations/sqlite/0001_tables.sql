-- The same tables as in Postgres, in one file; see migrations/postgres for what they mean.
-- A uuid is a BLOB of 16 bytes, JSON is TEXT.

CREATE TABLE meta (
    one INTEGER PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    epoch BLOB NOT NULL
) STRICT;
INSERT INTO meta (epoch) VALUES (randomblob(16));

CREATE TABLE heads (
    room_id BLOB PRIMARY KEY,
    seq INTEGER NOT NULL DEFAULT 0,
    rev INTEGER NOT NULL DEFAULT 0,
    last_at_us INTEGER NOT NULL DEFAULT 0,
    tombstones INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    room_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    sender_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    text TEXT,
    extra TEXT,
    system TEXT,
    created_at_us INTEGER NOT NULL,
    edited_at_us INTEGER,
    deleted_at_us INTEGER,
    PRIMARY KEY (room_id, seq),
    UNIQUE (room_id, sender_id, client_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_tombstones ON messages (room_id, seq) WHERE deleted_at_us IS NOT NULL;

CREATE TABLE changes (
    room_id BLOB NOT NULL,
    rev INTEGER NOT NULL,
    head_seq INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('edit', 'delete', 'react')),
    seq INTEGER NOT NULL,
    actor_id TEXT NOT NULL,
    payload TEXT,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (room_id, rev)
) STRICT, WITHOUT ROWID;
CREATE INDEX changes_of_message ON changes (room_id, seq);

CREATE TABLE reactions (
    room_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    user_id TEXT NOT NULL,
    emoji TEXT NOT NULL,
    PRIMARY KEY (room_id, seq, user_id, emoji)
) STRICT, WITHOUT ROWID;

CREATE TABLE senders (
    room_id BLOB NOT NULL,
    user_id TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;

-- `ranges` is a JSON array of [room, first rev, last rev].
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at_us INTEGER NOT NULL,
    ranges TEXT NOT NULL
) STRICT;
