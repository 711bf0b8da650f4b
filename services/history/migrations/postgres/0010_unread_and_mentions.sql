-- Unread without notices, mentions, and slow mode.

ALTER TABLE history.heads
    -- The newest system notice, and the newest message that mentions anybody; 0 while there is none. A
    -- reader's marker beyond them needs no look at the tables below.
    ADD COLUMN last_notice_seq bigint NOT NULL DEFAULT 0,
    ADD COLUMN last_mention_seq bigint NOT NULL DEFAULT 0;

-- Where the system notices are, which are never unread: beside the messages, as a look at each of
-- their partitions would cost every count.
CREATE TABLE history.notices (
    room_id uuid NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (room_id, seq)
);

-- Who is mentioned where; nobody in what was deleted.
CREATE TABLE history.mentions (
    room_id uuid NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (room_id, user_id, seq)
);

INSERT INTO history.notices (room_id, seq)
SELECT room_id, seq FROM history.messages WHERE system IS NOT NULL;

INSERT INTO history.mentions (room_id, user_id, seq)
SELECT DISTINCT m.room_id, mentioned.user_id, m.seq
FROM history.messages m, jsonb_array_elements_text(m.extra -> 'mentions') AS mentioned (user_id)
WHERE m.extra IS NOT NULL;

UPDATE history.heads h
SET last_notice_seq = n.seq
FROM (SELECT room_id, max(seq) AS seq FROM history.notices GROUP BY room_id) n
WHERE n.room_id = h.room_id;

UPDATE history.heads h
SET last_mention_seq = n.seq
FROM (SELECT room_id, max(seq) AS seq FROM history.mentions GROUP BY room_id) n
WHERE n.room_id = h.room_id;
