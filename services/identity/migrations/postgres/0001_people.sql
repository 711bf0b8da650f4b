-- People, how they prove who they are, and how they stand to each other. Times are microseconds since
-- the Unix epoch; ids sort by their bytes.

CREATE TABLE users (
    user_id       TEXT COLLATE "C" PRIMARY KEY,
    kind          TEXT NOT NULL CHECK (kind IN ('account', 'guest', 'external')),
    -- Folded: what search looks at.
    name          TEXT COLLATE "C" NOT NULL,
    display_name  TEXT NOT NULL,
    colour        TEXT NOT NULL,
    avatar_url    TEXT NOT NULL DEFAULT '',
    -- argon2id, as a PHC string.
    password      TEXT,
    created_at_us BIGINT NOT NULL,
    expires_at_us BIGINT,
    banned_at_us  BIGINT,
    -- Tokens of this moment and older hold no more; 0: all do.
    not_before_us BIGINT NOT NULL DEFAULT 0,
    -- Raised by whoever changes what hangs on this user: the lock that makes them go one by one.
    turns         BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX users_by_name ON users (name, user_id);

-- What a name looks like: two names with one skeleton are one name.
CREATE TABLE names (
    skeleton      TEXT COLLATE "C" PRIMARY KEY,
    user_id       TEXT COLLATE "C" NOT NULL REFERENCES users,
    -- A guest's nickname is free again then.
    expires_at_us BIGINT
);

CREATE INDEX names_by_expiry ON names (expires_at_us) WHERE expires_at_us IS NOT NULL;

-- Logins, one per device.
CREATE TABLE sessions (
    session_id    TEXT COLLATE "C" PRIMARY KEY,
    user_id       TEXT COLLATE "C" NOT NULL REFERENCES users,
    created_at_us BIGINT NOT NULL,
    used_at_us    BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    revoked_at_us BIGINT
);

CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at_us);

-- Refresh tokens, as SHA-256. The spent ones stay as long as their session: one that comes again
-- was stolen.
CREATE TABLE refresh_tokens (
    token_hash  BYTEA PRIMARY KEY,
    session_id  TEXT COLLATE "C" NOT NULL REFERENCES sessions ON DELETE CASCADE,
    spent_at_us BIGINT
);

CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);

-- What tokens are signed with.
CREATE TABLE signing_keys (
    key_id         TEXT COLLATE "C" PRIMARY KEY,
    pkcs8          BYTEA NOT NULL,
    active_from_us BIGINT NOT NULL
);

-- Held by whoever turns the keys.
CREATE TABLE key_ring (
    ring_id INTEGER PRIMARY KEY CHECK (ring_id = 1),
    turns   BIGINT NOT NULL
);

INSERT INTO key_ring (ring_id, turns) VALUES (1, 0);

-- Attempts at what is limited: when the bucket is empty again.
CREATE TABLE attempts (
    attempt_key TEXT COLLATE "C" PRIMARY KEY,
    empty_at_us BIGINT NOT NULL
);

CREATE INDEX attempts_by_end ON attempts (empty_at_us);

-- How two people stand to each other, seen from each of them: two rows.
CREATE TABLE contacts (
    user_id       TEXT COLLATE "C" NOT NULL REFERENCES users,
    peer_id       TEXT COLLATE "C" NOT NULL REFERENCES users,
    state         TEXT NOT NULL CHECK (state IN ('outgoing', 'incoming', 'contact')),
    changed_at_us BIGINT NOT NULL,
    PRIMARY KEY (user_id, peer_id)
);

-- Who blocks whom. A row stays when the block is lifted, for its version.
CREATE TABLE blocks (
    user_id       TEXT COLLATE "C" NOT NULL REFERENCES users,
    peer_id       TEXT COLLATE "C" NOT NULL REFERENCES users,
    blocked       BOOLEAN NOT NULL,
    version       BIGINT NOT NULL,
    -- The newest version the room service confirmed.
    told_version  BIGINT NOT NULL DEFAULT 0,
    changed_at_us BIGINT NOT NULL,
    PRIMARY KEY (user_id, peer_id)
);

CREATE INDEX blocks_by_peer ON blocks (peer_id, user_id);
CREATE INDEX blocks_untold ON blocks (changed_at_us) WHERE told_version < version;
