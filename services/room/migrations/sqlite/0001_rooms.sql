-- Rooms, members and chatRecords; the same tables as in Postgres. Room ids are 16-byte BLOBs.

CREATE TABLE rooms (
    room_id       BLOB PRIMARY KEY NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('direct', 'group', 'public')),
    name          TEXT NOT NULL,
    -- In lower case: what prefixes are compared with.
    name_folded   TEXT NOT NULL,
    topic         TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('open', 'read_only', 'dissolved')),
    member_count  BIGINT NOT NULL CHECK (member_count >= 0),
    -- The two people of a direct room.
    user_low      TEXT,
    user_high     TEXT,
    created_at_us BIGINT NOT NULL,
    created_by    TEXT NOT NULL,
    -- Notices made so far: the position of the newest.
    notice_count  BIGINT NOT NULL DEFAULT 0,
    CHECK ((kind = 'direct') = (user_low IS NOT NULL AND user_high IS NOT NULL))
);

CREATE INDEX rooms_public_by_name ON rooms (name_folded, room_id)
    WHERE kind = 'public' AND state <> 'dissolved';

-- The anchor of find-or-create: two people have one direct room.
CREATE TABLE direct_rooms (
    user_low  TEXT NOT NULL,
    user_high TEXT NOT NULL,
    room_id   BLOB NOT NULL,
    PRIMARY KEY (user_low, user_high),
    CHECK (user_low < user_high)
) WITHOUT ROWID;

CREATE TABLE members (
    room_id      BLOB NOT NULL,
    user_id      TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('member', 'admin', 'owner')),
    joined_at_us BIGINT NOT NULL,
    -- The order of lists: owner, admins, members.
    standing     INTEGER NOT NULL GENERATED ALWAYS AS
        (CASE role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END) STORED,
    PRIMARY KEY (room_id, user_id)
) WITHOUT ROWID;

CREATE INDEX members_by_standing ON members (room_id, standing, user_id);
-- At most one owner, whatever the service thinks.
CREATE UNIQUE INDEX members_one_owner ON members (room_id) WHERE role = 'owner';

-- The chatRecord: a user's own half of a membership.
CREATE TABLE records (
    user_id       TEXT NOT NULL,
    room_id       BLOB NOT NULL,
    peer_id       TEXT,
    pinned        BOOLEAN NOT NULL DEFAULT FALSE,
    muted         BOOLEAN NOT NULL DEFAULT FALSE,
    last_read_seq BIGINT NOT NULL DEFAULT 0,
    joined_at_us  BIGINT NOT NULL,
    PRIMARY KEY (user_id, room_id)
) WITHOUT ROWID;

CREATE INDEX records_by_joining ON records (user_id, joined_at_us DESC, room_id DESC);

-- How often a user's list of memberships has changed.
CREATE TABLE user_versions (
    user_id TEXT PRIMARY KEY NOT NULL,
    version BIGINT NOT NULL
) WITHOUT ROWID;

-- CreateRoom requests that were carried out, so that a repeated one finds its room; for a while.
CREATE TABLE requests (
    actor_id      TEXT NOT NULL,
    request_id    TEXT NOT NULL,
    room_id       BLOB NOT NULL,
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (actor_id, request_id)
) WITHOUT ROWID;

CREATE INDEX requests_by_age ON requests (created_at_us);

-- Notices that history has not confirmed yet, in the order of their room.
CREATE TABLE notices (
    room_id       BLOB NOT NULL,
    position      BIGINT NOT NULL,
    payload       TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (room_id, position)
) WITHOUT ROWID;
