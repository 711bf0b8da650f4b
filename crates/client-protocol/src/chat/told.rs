//! What a client of `/chat` is told. Each is an event with a name, its arguments and, for clients that
//! recover, an [`Offset`](super::Offset) as one more argument.

#[cfg(test)]
mod tests;

use hubbub_domain::{Body, Change, Fault, Role, RoomId, Seq, Timestamp, UserId};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Failure, Message};
use crate::{ContactState, Event, PresenceState, PresenceView, PushedView, RoomView, WelcomeRoom};

macro_rules! told {
    ($($(#[$doc:meta])* $name:ident($content:ty) = $text:literal,)+) => {
        /// An event for a client.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
        #[serde(untagged)]
        pub enum Told {
            $($(#[$doc])* $name($content),)+
        }

        impl Told {
            /// Every event's name, for tables in docs and tests.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The name of the event.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => $text),+ }
            }

            /// Every event with the schema of its arguments.
            #[cfg(test)]
            pub(crate) fn documented() -> Vec<(&'static str, crate::asyncapi::Type)> {
                vec![$(($text, crate::asyncapi::Type::of::<$content>())),+]
            }
        }
    };
}

told! {
    /// Durable: somebody said something.
    ChatMessage(Box<Message>) = "chatMessage",
    /// Durable: the room tells what happened to it.
    Notice(Box<Message>) = "roomNotice",
    /// Durable: a message says something else.
    Edited(Edited) = "messageEdited",
    /// Durable: a message was deleted.
    Deleted(Deleted) = "messageDeleted",
    /// Durable: a reaction came or went.
    Reacted(Reacted) = "messageReacted",
    /// A page of messages, oldest first.
    History(Vec<Message>) = "history",
    /// Somebody else in the room types, or has stopped to.
    Typing(Typing) = "typing",
    /// You came into a room. (Enter it to hear what is said there.)
    Joined(Box<WelcomeRoom>) = "roomJoined",
    /// You are no longer a member of a room: nothing more comes from it.
    Left(RoomOnly) = "roomLeft",
    /// More rooms are entered than a connection hears: this one, the least active, is heard no longer.
    Unfollowed(RoomOnly) = "roomUnfollowed",
    /// Your role in a room is another.
    Role(RoleSet) = "roomRole",
    /// An entered room has another name, topic, state or number of members.
    Room(Box<RoomView>) = "roomUpdated",
    /// Your chatRecord changed, perhaps on another device.
    Chat(ChatChanged) = "chatChanged",
    /// Another member has read so far.
    Read(ReadBy) = "read",
    /// What was said so far has reached another member's device.
    Delivered(ReadBy) = "delivered",
    /// Somebody you watch is online, away or offline now.
    Presence(Present) = "presence",
    /// So many are in a public room you look at.
    RoomOnline(RoomOnline) = "roomOnline",
    /// Somebody stands to you in another way: as a contact, or about to be one.
    Contact(Contact) = "contact",
    /// What another service has to tell.
    Pushed(Pushed) = "pushed",
    /// Forget what you hold of this room: here is the newest page.
    Reset(Reset) = "reset",
    /// Nothing but an offset: which rooms are entered now, and how far each was told.
    Entered(Entered) = "entered",
    /// This node is closing: the client is disconnected and comes back by itself.
    Moving(Moving) = "moving",
    /// The token ends soon: emit `refresh`.
    Expiring(Expiring) = "expiring",
    /// An event was refused.
    Error(Failure) = "error",
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::Edited)]
pub struct Edited {
    pub room: RoomId,
    pub seq: Seq,
    /// Empty when the message was deleted since.
    pub message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<hubbub_domain::Attachment>,
    pub edited_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::Deleted)]
pub struct Deleted {
    pub room: RoomId,
    pub seq: Seq,
    pub by: UserId,
    pub deleted_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = chat::Reacted)]
pub struct Reacted {
    pub room: RoomId,
    pub seq: Seq,
    pub user: UserId,
    pub emoji: String,
    pub on: bool,
}

/// Whether, and then where and who.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = chat::Typing)]
pub struct Typing(pub bool, pub Typist);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = chat::Typist)]
pub struct Typist {
    pub room: RoomId,
    pub user: UserId,
}

/// How somebody is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::Present)]
pub struct Present {
    pub user: UserId,
    pub state: PresenceState,
    pub version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
}

impl From<PresenceView> for Present {
    fn from(view: PresenceView) -> Self {
        let PresenceView { user, state, version, last_seen } = view;
        Self { user, state, version, last_seen }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = chat::RoomOnly)]
pub struct RoomOnly {
    pub room: RoomId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = chat::RoleSet)]
pub struct RoleSet {
    pub room: RoomId,
    pub role: Role,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::ChatChanged)]
pub struct ChatChanged {
    pub room: RoomId,
    pub pinned: bool,
    pub muted: bool,
    pub last_read_seq: Seq,
}

/// How far a member has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = chat::ReadBy)]
pub struct ReadBy {
    pub room: RoomId,
    pub user: UserId,
    pub seq: Seq,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = chat::RoomOnline)]
pub struct RoomOnline {
    pub room: RoomId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = chat::Contact)]
pub struct Contact {
    pub user: UserId,
    pub state: ContactState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::Pushed)]
pub struct Pushed {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    pub name: String,
    pub payload: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::Reset)]
pub struct Reset {
    pub room: RoomId,
    pub messages: Vec<Message>,
    pub has_more: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = chat::Entered)]
pub struct Entered {
    pub rooms: Vec<RoomId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::Moving)]
pub struct Moving {
    pub after_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::Expiring)]
pub struct Expiring {
    pub expires_at: Timestamp,
}

impl Told {
    /// A refused event of the client.
    pub fn refusal(fault: &Fault, event: &str) -> Self {
        Self::Error(Failure::new(fault, event))
    }

    /// The rooms that are entered now.
    pub fn entered(rooms: Vec<RoomId>) -> Self {
        Self::Entered(Entered { rooms })
    }

    /// The token ends then.
    pub const fn expiring(expires_at: Timestamp) -> Self {
        Self::Expiring(Expiring { expires_at })
    }

    /// The event of a change in `room`.
    pub fn of_change(room: RoomId, change: Change) -> Self {
        Self::from(Event::of_change(room, change))
    }

    /// Appends the event's name and arguments as one JSON array.
    pub fn write(&self, out: &mut Vec<u8>, offset: Option<&str>) -> serde_json::Result<()> {
        out.push(b'[');
        serde_json::to_writer(&mut *out, self.name())?;
        out.push(b',');
        let start = out.len();
        serde_json::to_writer(&mut *out, self)?;
        if self.is_several_arguments() {
            // An array of arguments: its brackets are those of the event.
            out.remove(start);
            out.pop();
        }
        if let Some(offset) = offset {
            out.push(b',');
            serde_json::to_writer(&mut *out, offset)?;
        }
        out.push(b']');
        Ok(())
    }

    const fn is_several_arguments(&self) -> bool {
        matches!(self, Self::Typing(_) | Self::Error(_))
    }
}

impl From<Event> for Told {
    fn from(event: Event) -> Self {
        match event {
            Event::Message(view) => {
                let message = Box::new(Message::from(*view));
                if message.system.is_some() {
                    Self::Notice(message)
                } else {
                    Self::ChatMessage(message)
                }
            }
            Event::Edited { room, seq, body, at, .. } => {
                let Body { text, attachments, .. } = body.unwrap_or_default();
                Self::Edited(Edited { room, seq, message: text, attachments, edited_at: at })
            }
            Event::Deleted { room, seq, by, at, .. } => {
                Self::Deleted(Deleted { room, seq, by, deleted_at: at })
            }
            Event::Reacted { room, seq, user, emoji, on, .. } => {
                Self::Reacted(Reacted { room, seq, user, emoji, on })
            }
            Event::Joined(room) => Self::Joined(room),
            Event::Role { room, role } => Self::Role(RoleSet { room, role }),
            Event::Left { room } => Self::Left(RoomOnly { room }),
            Event::Unfollowed { room } => Self::Unfollowed(RoomOnly { room }),
            Event::Room(room) => Self::Room(room),
            Event::Chat { room, pinned, muted, last_read_seq } => {
                Self::Chat(ChatChanged { room, pinned, muted, last_read_seq })
            }
            Event::Read { room, user, seq } => Self::Read(ReadBy { room, user, seq }),
            Event::Delivered { room, user, seq } => Self::Delivered(ReadBy { room, user, seq }),
            Event::Typing { room, user, on } => Self::Typing(Typing(on, Typist { room, user })),
            Event::Presence(view) => Self::Presence(view.into()),
            Event::RoomOnline { room, online } => Self::RoomOnline(RoomOnline { room, online }),
            Event::Reset { room, messages, has_more, .. } => {
                let messages = messages.into_iter().map(Message::from).collect();
                Self::Reset(Reset { room, messages, has_more })
            }
            Event::Epoch { .. } => unreachable!("a session that enters rooms is told no epoch"),
            Event::Contact { user, state } => Self::Contact(Contact { user, state }),
            Event::Pushed(view) => {
                let PushedView { room, name, payload, push_id } = *view;
                Self::Pushed(Pushed { room, name, payload, push_id })
            }
            Event::Moving { after_ms } => Self::Moving(Moving { after_ms }),
            Event::Expiring { expires_at } => Self::Expiring(Expiring { expires_at }),
            Event::Ping {} => unreachable!("the heartbeat of Socket.IO is Engine.IO's"),
        }
    }
}
