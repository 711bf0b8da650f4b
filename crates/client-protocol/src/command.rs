//! What a client asks for. A request is a JSON object with an `id`, a `type` that names the command,
//! and the command's fields beside them. Fields nobody knows are ignored; what is missing or of
//! the wrong type is refused with a text that names it.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::HashMap};

use hubbub_domain::{
    Body, ClientId, Fault, Rev, Role, RoomId, RoomKind, RoomState, Seq, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};

use crate::people::{
    AcceptContact, Block, Blocks, Contacts, DeclineContact, Logout, LogoutEverywhere, Me, Profiles,
    RemoveContact, RequestContact, SearchUsers, Unblock, UpdateMe,
};
use crate::presence::{Typing, Watch};

/// A command with the id its answer will carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: RequestId,
    pub command: Command,
}

/// The client's own id for a request: a number, or a text of at most 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RequestId {
    Number(u64),
    Text(Box<str>),
}

/// Why a frame is not a request. With an id it can be answered; without one only the connection
/// can be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    pub id: Option<RequestId>,
    pub fault: Fault,
}

const REQUEST_ID_BYTES_MAX: usize = 64;

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
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

impl Request {
    /// Reads a frame in two passes: first who asks for what, then the fields of that command. So a
    /// wrong field can still be answered with the request's id.
    pub fn parse(text: &str) -> Result<Self, RequestError> {
        #[derive(Deserialize)]
        struct Outline<'a> {
            id: Option<RequestId>,
            #[serde(borrow, rename = "type")]
            name: Option<Cow<'a, str>>,
        }

        let refuse = |id, message: String| RequestError { id, fault: Fault::bad_request(message) };
        let outline: Outline<'_> = serde_json::from_str(text)
            .map_err(|error| refuse(None, format!("not a request: {}", in_words(&error))))?;
        let id = outline.id.ok_or_else(|| refuse(None, "id is missing".into()))?;
        if matches!(&id, RequestId::Text(text) if text.len() > REQUEST_ID_BYTES_MAX) {
            return Err(refuse(None, format!("id has more than {REQUEST_ID_BYTES_MAX} bytes")));
        }
        let Some(name) = outline.name else {
            return Err(refuse(Some(id), "type is missing".into()));
        };
        match Command::parse(&name, text) {
            Ok(command) => Ok(Self { id, command }),
            Err(fault) => Err(RequestError { id: Some(id), fault }),
        }
    }

    /// The frame a client sends.
    pub fn encode(&self) -> String {
        #[derive(Serialize)]
        struct Frame<'a> {
            id: &'a RequestId,
            #[serde(flatten)]
            command: &'a Command,
        }

        serde_json::to_string(&Frame { id: &self.id, command: &self.command })
            .expect("commands have text keys only")
    }
}

/// Reads a JSON object; the fault names what is missing or wrong.
pub fn parse_fields<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::bad_request(in_words(&error)))
}

/// What serde_json says, without its place in the text when that is only the end of the object, and
/// without our own code in front (a `Fault` displays as `code: message`).
fn in_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    shortened(text.strip_prefix("bad_request: ").unwrap_or(text)).into_owned()
}

/// A client's own words are repeated to it only in part.
fn shortened(text: &str) -> Cow<'_, str> {
    const CHARS_MAX: usize = 120;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
