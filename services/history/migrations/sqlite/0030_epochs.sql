-- As in Postgres; see migrations/postgres for what it means. A file has no server: its epoch changes on
-- demand alone.

ALTER TABLE meta ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN oldest_number INTEGER NOT NULL DEFAULT 0;

CREATE TABLE epochs (
    epoch BLOB PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;
INSERT INTO epochs (epoch, number) SELECT epoch, 0 FROM meta;

ALTER TABLE heads ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;

CREATE TABLE forks (
    room_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (room_id, number)
) STRICT, WITHOUT ROWID;
