-- Who may add a user to rooms and see their presence, and whose requests they have declined for good.

ALTER TABLE users ADD COLUMN groups_from TEXT NOT NULL DEFAULT 'everyone'
    CHECK (groups_from IN ('everyone', 'contacts', 'nobody'));
ALTER TABLE users ADD COLUMN presence_to TEXT NOT NULL DEFAULT 'contacts'
    CHECK (presence_to IN ('everyone', 'contacts', 'nobody'));

-- The user takes no more requests from the peer, until the user asks the peer.
CREATE TABLE declines (
    user_id TEXT NOT NULL REFERENCES users,
    peer_id TEXT NOT NULL REFERENCES users,
    PRIMARY KEY (user_id, peer_id)
) STRICT;
