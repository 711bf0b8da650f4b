//! What a client sees: commands, replies, events, error and close codes, as the native door
//! (`hubbub.v1+json`) spells them. Pure: text in, values out, and back.
//!
//! The reference for people is `docs/protocol.md`; the tests here compare the two.

mod close;
mod command;
mod event;
mod reply;
mod view;

pub use close::CloseCode;
pub use command::{
    Chats, Command, CreateRoom, Delete, Edit, Hello, History, Invite, Join, Leave, Members,
    OpenDirect, PublicRooms, React, Read, Refresh, Remove, Request, RequestError, RequestId,
    Resume, Send, SetRole, UpdateChat, UpdateRoom, parse_fields,
};
pub use event::Event;
pub use reply::{
    Appended, ChatsPage, Created, Expiry, Invited, Limits, MembersPage, Opened, Page,
    PublicRoomsPage, Reacted, Reply, Revised, Unread, Welcome, WelcomeRoom,
};
pub use view::{ChatView, ErrorView, MemberView, MessageContent, MessageView, RoomView};

/// The subprotocol of the native door.
pub const SUBPROTOCOL: &str = "hubbub.v1+json";
