-- As in Postgres; see migrations/postgres for what it means.

ALTER TABLE records ADD COLUMN delivered_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN joined_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN slow_mode_seconds BIGINT NOT NULL DEFAULT 0;
