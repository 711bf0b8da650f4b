-- Who left a group or public room by themself: contacts may add them again, and nobody when they left for
-- good. A row ends when the user is in the room again.

CREATE TABLE room.departures (
    room_id  uuid NOT NULL,
    user_id  text COLLATE "C" NOT NULL,
    for_good boolean NOT NULL,
    PRIMARY KEY (room_id, user_id)
);
