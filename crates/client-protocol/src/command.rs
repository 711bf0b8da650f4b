//! What a client asks for. A request is a JSON object with an `id`, a `type` that names the command,
//! and the command's fields beside them. Fields nobody knows are ignored; what is missing or of
//! the wrong type is refused with a text that names it.

mod request;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use hubbub_domain::{
    Body, ClientId, Fault, Rev, Role, RoomId, RoomKind, RoomState, Seq, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};

use crate::people::{
    AcceptContact, Block, Blocks, Contacts, DeclineContact, Logout, LogoutEverywhere, Me, Profiles,
    RemoveContact, RequestContact, SearchUsers, Unblock, UpdateMe,
};
use crate::{
    moment,
    presence::{Typing, Watch},
};

use request::shortened;
pub use request::{Request, RequestError, RequestId, parse_body, parse_fields};

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
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

            fn parse(name: &str, text: &str) -> Result<Self, Fault> {
                match name {
                    $($text => parse_fields(text).map(Self::$name),)+
                    _ => Err(Fault::bad_request(format!("unknown command {:?}", shortened(name)))),
                }
            }
        }
    };
}

commands! {
    /// Opens the session; always the first.
    Hello = "hello",
    Send = "send",
    Edit = "edit",
    Delete = "delete",
    React = "react",
    History = "history",
    Read = "read",
    /// One of the user's devices has received the room's messages so far.
    Delivered = "delivered",
    /// How far a message has come with everybody it was meant for.
    Receipts = "receipts",
    /// What a message said before and after each edit.
    Edits = "edits",
    OpenDirect = "open_direct",
    CreateRoom = "create_room",
    UpdateRoom = "update_room",
    Join = "join",
    Leave = "leave",
    Invite = "invite",
    Remove = "remove",
    SetRole = "set_role",
    Members = "members",
    Chats = "chats",
    UpdateChat = "update_chat",
    PublicRooms = "public_rooms",
    Typing = "typing",
    Watch = "watch",
    Me = "me",
    UpdateMe = "update_me",
    SearchUsers = "users",
    Profiles = "profiles",
    Contacts = "contacts",
    RequestContact = "request_contact",
    AcceptContact = "accept_contact",
    DeclineContact = "decline_contact",
    RemoveContact = "remove_contact",
    Block = "block",
    Unblock = "unblock",
    Blocks = "blocks",
    Logout = "logout",
    LogoutEverywhere = "logout_everywhere",
    /// Another token for the same user: the connection lives on.
    Refresh = "refresh",
    /// A sign of life, and the question for one.
    Ping = "ping",
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    pub epoch: String,
    pub rooms: HashMap<RoomId, Rev>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Send {
    pub room: RoomId,
    pub client_id: ClientId,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    pub room: RoomId,
    pub seq: Seq,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delete {
    pub room: RoomId,
    pub seq: Seq,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    pub room: RoomId,
    pub seq: Seq,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    pub room: RoomId,
    pub seq: Seq,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipts {
    pub room: RoomId,
    pub seq: Seq,
}

/// The newest versions, or those before a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edits {
    pub room: RoomId,
    pub seq: Seq,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_rev: Option<Rev>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenDirect {
    pub peer: UserId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    pub room: RoomId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    pub room: RoomId,
    /// True: nobody adds the user again. False: contacts may. Also good after having left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_good: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    pub room: RoomId,
    pub users: Vec<UserId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remove {
    pub room: RoomId,
    pub user: UserId,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRole {
    pub room: RoomId,
    pub user: UserId,
    pub role: Role,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    pub room: RoomId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chats {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Only the pinned ones.
    #[serde(default)]
    pub pinned: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateChat {
    pub room: RoomId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refresh {
    pub token: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {}
