//! What a client is told without having asked. A durable event carries its room's `rev`: the client
//! remembers the last one of each room and hands it back when it resumes.

use hubbub_domain::{Body, Change, ChangeKind, Rev, Role, RoomId, Seq, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ContactState, MessageView, PresenceView, PushedView, RoomView, WelcomeRoom};

/// Every event's name, for tables in docs and tests.
#[cfg(test)]
pub(crate) const EVENT_NAMES: [&str; 22] = [
    "message",
    "edited",
    "deleted",
    "reacted",
    "joined",
    "left",
    "unfollowed",
    "role",
    "room",
    "chat",
    "read",
    "delivered",
    "typing",
    "presence",
    "room_online",
    "reset",
    "epoch",
    "contact",
    "pushed",
    "moving",
    "expiring",
    "ping",
];

/// An event, as the native door spells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// Durable: somebody said something, or the room tells what happened to it.
    Message(Box<MessageView>),
    /// Durable: a message has another body (none when it was deleted since).
    Edited {
        room: RoomId,
        rev: Rev,
        seq: Seq,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Body>,
        at: Timestamp,
    },
    /// Durable: a message lost its body.
    Deleted { room: RoomId, rev: Rev, seq: Seq, by: UserId, at: Timestamp },
    /// Durable: a reaction came or went.
    Reacted { room: RoomId, rev: Rev, seq: Seq, user: UserId, emoji: String, on: bool },
    /// You came into a room; live events continue from its `rev`.
    Joined(Box<WelcomeRoom>),
    /// Your role in a room is another.
    Role { room: RoomId, role: Role },
    /// You are no longer in this room: nothing more comes from it.
    Left { room: RoomId },
    /// You are still a member, and nothing comes from this room until you ask for its history: you are in
    /// more rooms than a connection follows, and it was the least active.
    Unfollowed { room: RoomId },
    /// The room itself changed: name, topic, state, number of members.
    Room(Box<RoomView>),
    /// Your chatRecord changed (on another device).
    Chat { room: RoomId, pinned: bool, muted: bool, last_read_seq: Seq },
    /// Ephemeral: another member has read so far, and so has received it. Only the newest counts.
    Read { room: RoomId, user: UserId, seq: Seq },
    /// Ephemeral: the room's messages have reached another member's device so far.
    Delivered { room: RoomId, user: UserId, seq: Seq },
    /// Somebody else in the room began to type, or stopped.
    Typing { room: RoomId, user: UserId, on: bool },
    /// Somebody you watch is online, away or offline now.
    Presence(PresenceView),
    /// So many members of a public room you look at are connected now; without a number nobody can say.
    RoomOnline {
        room: RoomId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        online: Option<u64>,
    },
    /// What you hold of this room is too old to be continued: here is the newest page instead.
    Reset { room: RoomId, epoch: String, rev: Rev, messages: Vec<MessageView>, has_more: bool },
    /// The connection's revisions belong to this epoch from now on: hand it back in `resume`.
    Epoch { epoch: String },
    /// You and somebody else stand differently to each other.
    Contact { user: UserId, state: ContactState },
    /// What another service of the deployment has to tell. Not stored: it may be lost.
    Pushed(Box<PushedView>),
    /// This node is closing, or holds more than the others: reconnect after that many milliseconds.
    Moving { after_ms: u64 },
    /// The token expires then: send `refresh`.
    Expiring { expires_at: Timestamp },
    /// The client was silent for the heartbeat interval: any request answers, `ping` is the cheapest.
    Ping {},
}

impl Event {
    /// The event of a change in `room`.
    pub fn of_change(room: RoomId, change: Change) -> Self {
        let rev = change.rev;
        match change.kind {
            ChangeKind::Posted(message) => Self::Message(Box::new((*message).into())),
            ChangeKind::Edited { seq, body, at } => Self::Edited { room, rev, seq, body, at },
            ChangeKind::Deleted { seq, by, at } => Self::Deleted { room, rev, seq, by, at },
            ChangeKind::Reacted { seq, reaction, on } => {
                Self::Reacted { room, rev, seq, user: reaction.user, emoji: reaction.emoji, on }
            }
        }
    }

    /// The name on the wire.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Edited { .. } => "edited",
            Self::Deleted { .. } => "deleted",
            Self::Reacted { .. } => "reacted",
            Self::Joined(_) => "joined",
            Self::Left { .. } => "left",
            Self::Unfollowed { .. } => "unfollowed",
            Self::Role { .. } => "role",
            Self::Room(_) => "room",
            Self::Chat { .. } => "chat",
            Self::Read { .. } => "read",
            Self::Delivered { .. } => "delivered",
            Self::Typing { .. } => "typing",
            Self::Presence(_) => "presence",
            Self::RoomOnline { .. } => "room_online",
            Self::Reset { .. } => "reset",
            Self::Epoch { .. } => "epoch",
            Self::Contact { .. } => "contact",
            Self::Pushed(_) => "pushed",
            Self::Moving { .. } => "moving",
            Self::Expiring { .. } => "expiring",
            Self::Ping {} => "ping",
        }
    }

    /// Appends the native door's text to `out`.
    pub fn write(&self, out: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(out, self)
    }

    /// The native door's text.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("events have text keys only")
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{
        Body, Change, ChangeKind, ClientId, Message, MessageId, MessageKind, Rev, RoomId, Seq,
        Timestamp, UserId,
    };

    use super::Event;

    #[test]
    fn a_message_event_is_flat_and_reads_back() {
        let room = RoomId::generate();
        let message = Message {
            room,
            seq: Seq(1),
            rev: Rev(2),
            id: MessageId::generate(),
            sender: UserId::parse("alice").expect("valid"),
            client_id: ClientId::parse("c").expect("valid"),
            kind: MessageKind::User(Body::text("hi")),
            created_at: Timestamp::from_micros(1),
            edited_at: None,
            reactions: vec![],
        };
        let change = Change { rev: Rev(2), kind: ChangeKind::Posted(Box::new(message)) };
        let event = Event::of_change(room, change);
        let text = String::from_utf8(event.encode()).expect("JSON is UTF-8");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json["type"], "message");
        assert_eq!(json["seq"], 1);
        assert_eq!(json["body"]["text"], "hi");
        assert_eq!(serde_json::from_str::<Event>(&text).expect("an event"), event);
    }

    #[test]
    fn the_list_of_names_is_the_enums() {
        let error = serde_json::from_str::<Event>(r#"{"type":"?"}"#).expect_err("unknown");
        let expected = error.to_string();
        for name in super::EVENT_NAMES {
            assert!(expected.contains(&format!("`{name}`")), "{name}: {expected}");
        }
        assert_eq!(expected.matches('`').count(), 2 * (super::EVENT_NAMES.len() + 1));
    }
}
