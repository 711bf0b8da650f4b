//! How the domain looks in JSON: the shapes that replies, events and REST answers share.

use std::time::Duration;

use hubbub_domain::{
    Body, ClientId, Code, Fault, Message, MessageId, MessageKind, Reaction, Rev, Role, RoomId,
    RoomKind, RoomState, Seq, SystemNotice, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A message as it stands now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageView {
    pub room: RoomId,
    pub seq: Seq,
    pub rev: Rev,
    pub message_id: MessageId,
    pub sender: UserId,
    pub client_id: ClientId,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    #[serde(flatten)]
    pub content: MessageContent,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
}

/// Exactly one of `body`, `system` and `deleted`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageContent {
    Body(Body),
    System(SystemNotice),
    Deleted(bool),
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        Self {
            room: message.room,
            seq: message.seq,
            rev: message.rev,
            message_id: message.id,
            sender: message.sender,
            client_id: message.client_id,
            created_at: message.created_at,
            edited_at: message.edited_at,
            content: match message.kind {
                MessageKind::User(body) => MessageContent::Body(body),
                MessageKind::System(notice) => MessageContent::System(notice),
                MessageKind::Deleted => MessageContent::Deleted(true),
            },
            reactions: message.reactions,
        }
    }
}

/// A room, the same for all of its members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoomView {
    pub room: RoomId,
    pub kind: RoomKind,
    /// Empty for direct rooms.
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub topic: String,
    pub state: RoomState,
    /// The least time between two messages of a member; left out when there is none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slow_mode_seconds: u32,
    pub member_count: u32,
    /// How many of its members are connected now; on the list of public rooms, when it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub online: Option<u64>,
    pub created_at: Timestamp,
    /// The two people of a direct room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
pub(crate) fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A member of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberView {
    pub user: UserId,
    pub role: Role,
    pub joined_at: Timestamp,
}

/// A chatRecord: one of the user's conversations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatView {
    #[serde(flatten)]
    pub room: RoomView,
    /// The other one of a direct room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<UserId>,
    pub role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message: Option<MessageView>,
    /// When the last message was stored, or the chat began.
    pub active_at: Timestamp,
    pub seq: Seq,
    pub rev: Rev,
    pub unread: u64,
    /// How many of the unread messages mention the user.
    #[serde(default)]
    pub mentions: u64,
    pub last_read_seq: Seq,
    pub pinned: bool,
    pub muted: bool,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorView {
    #[schema(value_type = Code)]
    pub code: String,
    /// Names the field and the problem.
    pub message: String,
    pub retryable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// The body of a refusal over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorView,
}

impl From<&Fault> for ErrorView {
    fn from(fault: &Fault) -> Self {
        let whole_ms = |delay: Duration| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        Self {
            code: fault.code.as_str().to_owned(),
            message: fault.message.clone().into_owned(),
            retryable: fault.code.retryable(),
            retry_after_ms: fault.retry_after.map(whole_ms),
        }
    }
}
