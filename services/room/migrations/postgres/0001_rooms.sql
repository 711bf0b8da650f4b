-- Rooms, members and chatRecords. Every key starts with room_id or a user's id, so that the tables
-- can be distributed. No foreign keys: rooms are never deleted, and members and records of a user
-- live where that user is. Ids sort by their bytes ("C"), as they do in the service.

CREATE TABLE room.rooms (
    room_id       uuid PRIMARY KEY,
    kind          text NOT NULL CHECK (kind IN ('direct', 'group', 'public')),
    name          text NOT NULL,
    -- In lower case: what prefixes are compared with.
    name_folded   text COLLATE "C" NOT NULL,
    topic         text NOT NULL,
    state         text NOT NULL CHECK (state IN ('open', 'read_only', 'dissolved')),
    member_count  bigint NOT NULL CHECK (member_count >= 0),
    -- The two people of a direct room.
    user_low      text COLLATE "C",
    user_high     text COLLATE "C",
    created_at_us bigint NOT NULL,
    created_by    text COLLATE "C" NOT NULL,
    -- Notices made so far: the position of the newest.
    notice_count  bigint NOT NULL DEFAULT 0,
    CHECK ((kind = 'direct') = (user_low IS NOT NULL AND user_high IS NOT NULL))
);

CREATE INDEX rooms_public_by_name ON room.rooms (name_folded, room_id)
    WHERE kind = 'public' AND state <> 'dissolved';

-- The anchor of find-or-create: two people have one direct room.
CREATE TABLE room.direct_rooms (
    user_low  text COLLATE "C" NOT NULL,
    user_high text COLLATE "C" NOT NULL,
    room_id   uuid NOT NULL,
    PRIMARY KEY (user_low, user_high),
    CHECK (user_low < user_high)
);

CREATE TABLE room.members (
    room_id      uuid NOT NULL,
    user_id      text COLLATE "C" NOT NULL,
    role         text NOT NULL CHECK (role IN ('member', 'admin', 'owner')),
    joined_at_us bigint NOT NULL,
    -- The order of lists: owner, admins, members.
    standing     smallint NOT NULL GENERATED ALWAYS AS
        (CASE role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END) STORED,
    PRIMARY KEY (room_id, user_id)
);

CREATE INDEX members_by_standing ON room.members (room_id, standing, user_id);
-- At most one owner, whatever the service thinks.
CREATE UNIQUE INDEX members_one_owner ON room.members (room_id) WHERE role = 'owner';

-- The chatRecord: a user's own half of a membership.
CREATE TABLE room.records (
    user_id       text COLLATE "C" NOT NULL,
    room_id       uuid NOT NULL,
    peer_id       text COLLATE "C",
    pinned        boolean NOT NULL DEFAULT false,
    muted         boolean NOT NULL DEFAULT false,
    last_read_seq bigint NOT NULL DEFAULT 0,
    joined_at_us  bigint NOT NULL,
    PRIMARY KEY (user_id, room_id)
) WITH (fillfactor = 80);

CREATE INDEX records_by_joining ON room.records (user_id, joined_at_us DESC, room_id DESC);

-- How often a user's list of memberships has changed.
CREATE TABLE room.user_versions (
    user_id text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL
) WITH (fillfactor = 80);

-- CreateRoom requests that were carried out, so that a repeated one finds its room; for a while.
CREATE TABLE room.requests (
    actor_id      text COLLATE "C" NOT NULL,
    request_id    text COLLATE "C" NOT NULL,
    room_id       uuid NOT NULL,
    created_at_us bigint NOT NULL,
    PRIMARY KEY (actor_id, request_id)
);

CREATE INDEX requests_by_age ON room.requests (created_at_us);

-- Notices that history has not confirmed yet, in the order of their room.
CREATE TABLE room.notices (
    room_id       uuid NOT NULL,
    position      bigint NOT NULL,
    payload       jsonb NOT NULL,
    created_at_us bigint NOT NULL,
    PRIMARY KEY (room_id, position)
);
