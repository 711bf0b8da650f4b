-- As in Postgres; see migrations/postgres for what it means.

ALTER TABLE heads ADD COLUMN last_notice_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE heads ADD COLUMN last_mention_seq INTEGER NOT NULL DEFAULT 0;

CREATE TABLE notices (
    room_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (room_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE mentions (
    room_id BLOB NOT NULL,
    user_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id, seq)
) STRICT, WITHOUT ROWID;

INSERT INTO notices (room_id, seq)
SELECT room_id, seq FROM messages WHERE system IS NOT NULL;

INSERT INTO mentions (room_id, user_id, seq)
SELECT DISTINCT m.room_id, mentioned.value, m.seq
FROM messages m, json_each(m.extra, '$.mentions') mentioned
WHERE m.extra IS NOT NULL;

UPDATE heads SET
    last_notice_seq = coalesce((
        SELECT max(n.seq) FROM notices n WHERE n.room_id = heads.room_id
    ), 0),
    last_mention_seq = coalesce((
        SELECT max(m.seq) FROM mentions m WHERE m.room_id = heads.room_id
    ), 0);
