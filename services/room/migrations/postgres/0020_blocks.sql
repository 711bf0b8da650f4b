-- Who blocks whom, as the identity service tells it. Nobody is written to by somebody they block: a
-- direct room carries the fact, so that reading a membership costs no look at this table.

CREATE TABLE room.blocks (
    user_id TEXT COLLATE "C" NOT NULL,
    peer_id TEXT COLLATE "C" NOT NULL,
    blocked BOOLEAN NOT NULL,
    -- The identity service's count of changes of this pair: an older one changes nothing.
    version BIGINT NOT NULL,
    PRIMARY KEY (user_id, peer_id)
);

ALTER TABLE room.rooms ADD COLUMN blocked BOOLEAN NOT NULL DEFAULT FALSE;
