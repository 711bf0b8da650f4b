//! What a client can ask for: each command's fields, and the type of its answer.

use std::collections::HashMap;

use hubbub_domain::{
    Body, ClientId, Fault, Rev, Role, RoomId, RoomKind, RoomState, Seq, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::people::{
    AcceptContact, Block, Blocks, Contacts, DeclineContact, Logout, LogoutEverywhere, Me, Profiles,
    RemoveContact, RequestContact, SearchUsers, Unblock, UpdateMe,
};
use crate::{
    moment,
    presence::{Typing, Watch},
    reading::{parse_document, shortened},
};

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident = $text:literal => $answer:ident,)+) => {
        /// Everything a client can ask for.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(tag = "type")]
        pub enum Command {
            $($(#[$doc])* #[serde(rename = $text)] $name($name),)+
        }

        impl Command {
            /// Every command's name, for tables in docs and tests.
            pub const NAMES: &'static [&'static str] = &[$($text),+];

            /// The name on the wire, for metrics and logs.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => $text),+ }
            }

            pub(crate) fn parse(name: &str, text: &str) -> Result<Self, Fault> {
                match name {
                    $($text => parse_document(text, FRAME).map(Self::$name),)+
                    _ => {
                        let name = shortened(name);
                        Err(Fault::bad_request(format!("`type` names no command: {name:?}")))
                    }
                }
            }

            /// Every command with the schemas of its fields and of its answer.
            #[cfg(test)]
            pub(crate) fn documented() -> Vec<crate::asyncapi::Exchange> {
                vec![$(crate::asyncapi::Exchange::new::<$name, crate::$answer>($text)),+]
            }
        }
    };
}

/// What a request is called where its problem is not in one field.
pub(crate) const FRAME: &str = "the frame";

commands! {
    /// Opens the session; always the first.
    Hello = "hello" => Welcome,
    Send = "send" => Appended,
    Edit = "edit" => Revised,
    Delete = "delete" => Revised,
    React = "react" => Reacted,
    History = "history" => Page,
    Read = "read" => Unread,
    /// One of the user's devices has received the room's messages so far.
    Delivered = "delivered" => Empty,
    /// How far a message has come with everybody it was meant for.
    Receipts = "receipts" => ReceiptsView,
    /// What a message said before and after each edit.
    Edits = "edits" => EditsPage,
    OpenDirect = "open_direct" => Opened,
    CreateRoom = "create_room" => Created,
    UpdateRoom = "update_room" => RoomView,
    Join = "join" => Opened,
    Leave = "leave" => Empty,
    Invite = "invite" => Invited,
    Remove = "remove" => Empty,
    SetRole = "set_role" => Empty,
    Members = "members" => MembersPage,
    Chats = "chats" => ChatsPage,
    UpdateChat = "update_chat" => Empty,
    PublicRooms = "public_rooms" => PublicRoomsPage,
    Typing = "typing" => Empty,
    Watch = "watch" => Watched,
    Me = "me" => MeView,
    UpdateMe = "update_me" => MeView,
    SearchUsers = "users" => UsersPage,
    Profiles = "profiles" => UsersPage,
    Contacts = "contacts" => ContactsPage,
    RequestContact = "request_contact" => Standing,
    AcceptContact = "accept_contact" => Empty,
    DeclineContact = "decline_contact" => Empty,
    RemoveContact = "remove_contact" => Empty,
    Block = "block" => Empty,
    Unblock = "unblock" => Empty,
    Blocks = "blocks" => UsersPage,
    Logout = "logout" => Empty,
    LogoutEverywhere = "logout_everywhere" => Empty,
    /// Another token for the same user: the connection lives on.
    Refresh = "refresh" => Expiry,
    /// A sign of life, and the question for one.
    Ping = "ping" => Empty,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hello {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
    /// Heartbeats are `ping` events instead of WebSocket pings, which browsers do not show to a page.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub heartbeat: bool,
}

/// How far the client has come, as told by the events it has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resume {
    pub epoch: String,
    pub rooms: HashMap<RoomId, Rev>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Send {
    pub room: RoomId,
    pub client_id: ClientId,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Edit {
    pub room: RoomId,
    pub seq: Seq,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delete {
    pub room: RoomId,
    pub seq: Seq,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct React {
    pub room: RoomId,
    pub seq: Seq,
    pub emoji: String,
    #[serde(default = "yes")]
    pub on: bool,
}

const fn yes() -> bool {
    true
}

/// At most one of the anchors; none means the newest page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct History {
    pub room: RoomId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_seq: Option<Seq>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seq: Option<Seq>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub around_seq: Option<Seq>,
    /// RFC 3339, or milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "moment::option")]
    pub before_time: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Read {
    pub room: RoomId,
    pub seq: Seq,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivered {
    pub room: RoomId,
    pub seq: Seq,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Receipts {
    pub room: RoomId,
    pub seq: Seq,
}

/// The newest versions, or those before a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Edits {
    pub room: RoomId,
    pub seq: Seq,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_rev: Option<Rev>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenDirect {
    pub peer: UserId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreateRoom {
    #[serde(default = "group")]
    pub kind: RoomKind,
    pub name: String,
    #[serde(default)]
    pub topic: String,
    #[serde(default)]
    pub members: Vec<UserId>,
    /// The client's own id for the creation: repeating it finds the same room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<ClientId>,
}

const fn group() -> RoomKind {
    RoomKind::Group
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateRoom {
    pub room: RoomId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RoomState>,
    /// Seconds between two messages of a member; 0 ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_mode_seconds: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Join {
    pub room: RoomId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Leave {
    pub room: RoomId,
    /// True: nobody adds the user again. False: contacts may. Also good after having left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_good: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Invite {
    pub room: RoomId,
    pub users: Vec<UserId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Remove {
    pub room: RoomId,
    pub user: UserId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetRole {
    pub room: RoomId,
    pub user: UserId,
    pub role: Role,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Members {
    pub room: RoomId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Chats {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only the pinned ones.
    #[serde(default)]
    pub pinned: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateChat {
    pub room: RoomId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicRooms {
    #[serde(default)]
    pub prefix: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// True: be told how many are in the rooms of this page from now on, and of no others. False: of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refresh {
    pub token: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ping {}
