//! Messages, and the changes that make up a room's history.

use serde::{Deserialize, Serialize};

use crate::{Body, ClientId, MessageId, Rev, Role, RoomId, RoomState, Seq, Timestamp, UserId};

/// A message as it stands now. `rev` is that of its posting and never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub room: RoomId,
    pub seq: Seq,
    pub rev: Rev,
    pub id: MessageId,
    pub sender: UserId,
    pub client_id: ClientId,
    pub kind: MessageKind,
    /// Strictly rising within a room.
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    /// In order of user, then emoji.
    pub reactions: Vec<Reaction>,
}

/// What a message holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// Somebody said something.
    User(Body),
    /// The cluster tells the room what happened to it.
    System(SystemNotice),
    /// A tombstone: it keeps its `seq` and has lost what it said.
    Deleted,
}

/// One person's reaction to a message.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
pub struct Reaction {
    pub user: UserId,
    pub emoji: String,
}

/// What happened to a room. It stands in the room's own order, so that every gateway learns at
/// which point somebody came or went, however unreliable the bus is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum SystemNotice {
    Created {
        by: UserId,
    },
    Joined {
        user: UserId,
    },
    Invited {
        user: UserId,
        by: UserId,
    },
    Left {
        user: UserId,
    },
    Removed {
        user: UserId,
        by: UserId,
    },
    RoleSet {
        user: UserId,
        role: Role,
        by: UserId,
    },
    Renamed {
        name: String,
        by: UserId,
    },
    TopicSet {
        topic: String,
        by: UserId,
    },
    StateSet {
        state: RoomState,
        by: UserId,
    },
    /// Members may speak once in so many seconds; 0: as often as they like.
    SlowModeSet {
        seconds: u32,
        by: UserId,
    },
    /// A text from another service, sent through the internal API.
    Announced {
        text: String,
    },
}

/// One step of a room's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub rev: Rev,
    pub kind: ChangeKind,
}

/// What a change did. A change read again later may show less than it did live: the text of a
/// message that was deleted since is not told again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    Posted(Box<Message>),
    /// `body` is `None` when the message was deleted since.
    Edited {
        seq: Seq,
        body: Option<Body>,
        at: Timestamp,
    },
    Deleted {
        seq: Seq,
        by: UserId,
        at: Timestamp,
    },
    Reacted {
        seq: Seq,
        reaction: Reaction,
        on: bool,
    },
}
