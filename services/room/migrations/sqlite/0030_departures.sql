-- Who left a group or public room by themself: contacts may add them again, and nobody when they left for
-- good. A row ends when the user is in the room again.

CREATE TABLE departures (
    room_id  BLOB NOT NULL,
    user_id  TEXT NOT NULL,
    for_good BOOLEAN NOT NULL,
    PRIMARY KEY (room_id, user_id)
) WITHOUT ROWID;
