//! What a request is answered with: `{"re": id, "ok": …}` or `{"re": id, "error": …}`.

use hubbub_domain::{
    Body, Fault, MessageId, Rev, Role, RoomId, RoomKind, RoomState, Seq, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ChatView, ContactsPage, ErrorView, MeView, MemberView, MessageView, RequestId, RoomView,
    Standing, UserView, UsersPage, Watched, view::is_zero,
};

/// The answer to a command that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Reply {
    Welcome(Box<Welcome>),
    Appended(Appended),
    Revised(Revised),
    Reacted(Reacted),
    Page(Page),
    Unread(Unread),
    Receipts(ReceiptsView),
    Edits(EditsPage),
    Opened(Opened),
    Room(RoomView),
    Created(Created),
    Invited(Invited),
    Members(MembersPage),
    Chats(ChatsPage),
    PublicRooms(PublicRoomsPage),
    Expiry(Expiry),
    Watched(Watched),
    Me(Box<MeView>),
    User(Box<UserView>),
    Users(UsersPage),
    Contacts(ContactsPage),
    Standing(Standing),
    /// `{}`: there is nothing more to say.
    Done {},
}

impl Reply {
    /// The frame that answers request `id`.
    pub fn encode(&self, id: &RequestId) -> Vec<u8> {
        #[derive(Serialize)]
        struct Frame<'a> {
            re: &'a RequestId,
            ok: &'a Reply,
        }

        serde_json::to_vec(&Frame { re: id, ok: self }).expect("replies have text keys only")
    }

    /// The frame that refuses request `id`, or what cannot even be told apart from others.
    pub fn encode_fault(id: Option<&RequestId>, fault: &Fault) -> Vec<u8> {
        #[derive(Serialize)]
        struct Frame<'a> {
            re: Option<&'a RequestId>,
            error: ErrorView,
        }

        serde_json::to_vec(&Frame { re: id, error: fault.into() })
            .expect("errors have text keys only")
    }
}

/// The answer of a command with nothing to tell: `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Empty {}

/// The answer to `hello`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Welcome {
    pub session: String,
    pub user: UserId,
    /// Hand it back in `resume`, with the last `rev` of each room.
    pub epoch: String,
    pub expires_at: Timestamp,
    pub heartbeat_ms: u64,
    pub limits: Limits,
    /// The rooms followed live, most recently active first.
    pub rooms: Vec<WelcomeRoom>,
    /// How many rooms the user has; those beyond `rooms` are followed once they are opened.
    pub rooms_total: u32,
}

/// A room at the moment of the welcome: events continue from `rev`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WelcomeRoom {
    pub room: RoomId,
    pub kind: RoomKind,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<UserId>,
    pub state: RoomState,
    pub role: Role,
    pub seq: Seq,
    pub rev: Rev,
    pub unread: u64,
    /// How many of the unread messages mention the user.
    #[serde(default)]
    pub mentions: u64,
    pub last_read_seq: Seq,
    pub pinned: bool,
    pub muted: bool,
    /// The least time between two messages of a member; left out when there is none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slow_mode_seconds: u32,
    /// What you hold of the room means nothing: forget it. A `reset` comes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
}

/// The bounds this server holds a client to. docs/protocol.md says what happens at each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    pub text_chars: usize,
    pub frame_bytes: usize,
    /// Of the first frame.
    pub hello_frame_bytes: usize,
    pub unfinished_bytes_per_address: usize,
    pub connections_per_address: u32,
    /// How long a body may come to a halt.
    pub body_silence_ms: u64,
    pub sends_per_second: u32,
    pub sends_burst: u32,
    pub requests_per_second: u32,
    pub requests_burst: u32,
    pub sessions_per_second: u32,
    pub sessions_burst: u32,
    pub rooms_made_per_hour: u32,
    pub rooms_made_burst: u32,
    pub users_added_per_hour: u32,
    pub users_added_burst: u32,
    /// Messages in a page.
    pub page: u32,
    pub attachments: usize,
    pub mentions: usize,
    pub users_watched: usize,
    /// By all connections of a node together.
    pub public_rooms_watched: usize,
    pub typists: usize,
    pub rate_refusals_in_a_row: u32,
    pub connections_per_user: u32,
    pub connects_per_address_per_second: u32,
    pub group_members: u32,
    /// Members of a room that are told of each other's markers.
    pub receipts_told_members: u32,
    /// Members of a room in which `receipts` can be asked for.
    pub receipts_asked_members: u32,
    pub reactions_per_message: u32,
    pub emoji_per_message: u32,
    /// Of one person to one message.
    pub reactions_per_user: u32,
    pub slow_mode_seconds: u32,
    pub rooms_followed: usize,
    pub outbox_bytes: usize,
}

/// The answer to `send`: stored, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Appended {
    pub seq: Seq,
    pub rev: Rev,
    pub message_id: MessageId,
    pub created_at: Timestamp,
    /// It had been stored before: this is the first one's place.
    pub duplicate: bool,
}

/// The answer to `edit` and `delete`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revised {
    pub rev: Rev,
    pub at: Timestamp,
}

/// The answer to `react`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reacted {
    pub rev: Rev,
    /// False when it was already so.
    pub changed: bool,
}

/// The answer to `history`: oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page {
    pub messages: Vec<MessageView>,
    /// There is more in the direction of the request (without a direction: older).
    pub has_more: bool,
    pub has_newer: bool,
    /// The room's head when the page was read.
    pub seq: Seq,
    pub rev: Rev,
    pub epoch: String,
    /// Who else types in the room, with its newest page; absent when nobody can say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typing: Option<Vec<UserId>>,
}

/// The answer to `read`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unread {
    pub last_read_seq: Seq,
    pub unread: u64,
    #[serde(default)]
    pub mentions: u64,
    /// The room's head when the messages were counted: later events are not in the counts.
    #[serde(default)]
    pub seq: Seq,
    #[serde(default)]
    pub rev: Rev,
}

/// The answer to `receipts`: everybody who was a member when the message came and still is, except its
/// sender, in exactly one of three lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReceiptsView {
    pub sender: UserId,
    pub sent: Vec<UserId>,
    pub delivered: Vec<UserId>,
    pub read: Vec<UserId>,
}

/// The answer to `edits`: newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EditsPage {
    pub versions: Vec<VersionView>,
    /// There are older ones.
    pub has_more: bool,
}

/// What a message said from a revision on: that of the edit, or of the message itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionView {
    pub rev: Rev,
    pub at: Timestamp,
    pub body: Body,
}

/// The answer to `open_direct` and `join`: the room and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Opened {
    #[serde(flatten)]
    pub room: RoomView,
    /// Made by this request.
    pub created: bool,
    pub seq: Seq,
    pub rev: Rev,
    /// Who else types in the room; absent when nobody can say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typing: Option<Vec<UserId>>,
}

/// A room as it stands for the caller now: the answer to `GET /v1/rooms/{room}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoomNow {
    #[serde(flatten)]
    pub room: RoomView,
    /// The other one of a direct room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<UserId>,
    pub role: Role,
    pub seq: Seq,
    pub rev: Rev,
    pub unread: u64,
    /// How many of the unread messages mention the user.
    pub mentions: u64,
    pub last_read_seq: Seq,
    pub pinned: bool,
    pub muted: bool,
}

/// The answer to `create_room`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Created {
    #[serde(flatten)]
    pub room: RoomView,
    /// Those who may not be added by the user, and were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<UserId>,
}

/// The answer to `invite`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invited {
    /// Those who were not members before.
    pub added: Vec<UserId>,
    /// Those who may not be added by the user, and were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<UserId>,
}

/// The answer to `members`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MembersPage {
    pub members: Vec<MemberView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The answer to `chats`: newest activity first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatsPage {
    pub chats: Vec<ChatView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The answer to `public_rooms`: by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicRoomsPage {
    pub rooms: Vec<RoomView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The answer to `refresh`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Expiry {
    pub expires_at: Timestamp,
}
