//! What can be broken, with the messages concerned, and what a reader of a report would call it.

use hubbub_domain::{ClientId, MessageId, Rev, RoomId, Seq, UserId};

/// A broken invariant, with the messages concerned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breach {
    /// Acknowledged, and not stored.
    Lost { room: RoomId, sender: UserId, client_id: ClientId, seq: Seq },
    /// Stored or delivered, and never sent.
    Phantom { room: RoomId, seq: Seq, message_id: MessageId },
    /// Not the same on every path.
    Altered { room: RoomId, seq: Seq, what: &'static str },
    /// The stored messages are not 1, 2, 3, …
    StoredGap { room: RoomId, expected: Seq, found: Seq },
    /// One (room, sender, client id) has two places.
    TwoPlaces { room: RoomId, sender: UserId, client_id: ClientId, seqs: [Seq; 2] },
    /// A session was not given the next revision.
    Missed { user: UserId, room: RoomId, after: Rev, got: Rev },
    /// A session was given a revision it had.
    Repeated { user: UserId, room: RoomId, rev: Rev },
    /// An event of a room whose view had not begun, or had ended.
    Unasked { user: UserId, room: RoomId, rev: Rev },
    /// Acknowledged before another send began, and placed behind it.
    Inverted { room: RoomId, first: ClientId, second: ClientId, seqs: [Seq; 2] },
    /// Was shown a message that the store lost in a failover, and goes on as if it were there.
    NotReset { user: UserId, room: RoomId, seq: Seq },
    /// Shown to somebody who was never a member.
    Leaked { user: UserId, room: RoomId, seq: Option<Seq> },
    /// Shown to somebody who had been shut out before it was sent: a session that should be gone.
    Ghost { user: UserId, room: RoomId, seq: Seq },
    /// The view of a member who was never shut out has ended.
    Expelled { user: UserId, room: RoomId },
    /// Everything has healed, and the client has not caught up.
    Stuck { user: UserId, room: RoomId, at: Rev, head: Rev },
}

impl Breach {
    /// What a reader of a report would call it.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Lost { .. } | Self::Missed { .. } | Self::StoredGap { .. } => "lost",
            Self::TwoPlaces { .. } | Self::Repeated { .. } => "duplicated",
            Self::Inverted { .. } => "inverted",
            Self::Leaked { .. } | Self::Ghost { .. } | Self::Unasked { .. } => "leaked",
            Self::Phantom { .. } => "phantom",
            Self::Altered { .. } => "altered",
            Self::NotReset { .. } => "forked",
            Self::Stuck { .. } | Self::Expelled { .. } => "stuck",
        }
    }
}
