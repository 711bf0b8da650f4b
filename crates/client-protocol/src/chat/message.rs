//! Messages and chatRecords as `/chat` shows them: one flat shape, live, in `history` and in the list
//! of chats.

use std::borrow::Cow;

use hubbub_domain::{
    Attachment, ClientId, MessageId, Reaction, Rev, RoomId, Seq, SystemNotice, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Appended, ChatView, MessageContent, MessageView, Opened};

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::Message)]
pub struct Message {
    #[serde(rename = "_id")]
    pub id: MessageId,
    pub room: RoomId,
    pub seq: Seq,
    pub sender: UserId,
    /// What it says; of a system notice, what happened; empty when it was deleted.
    pub message: String,
    pub created_at: Timestamp,
    pub client_id: ClientId,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Seq>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub deleted: bool,
    /// The cluster tells the room what happened to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemNotice>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl From<MessageView> for Message {
    fn from(view: MessageView) -> Self {
        let mut message = Self {
            id: view.message_id,
            room: view.room,
            seq: view.seq,
            sender: view.sender,
            message: String::new(),
            created_at: view.created_at,
            client_id: view.client_id,
            attachments: Vec::new(),
            reply_to: None,
            mentions: Vec::new(),
            edited_at: view.edited_at,
            deleted: false,
            system: None,
            reactions: view.reactions,
        };
        match view.content {
            MessageContent::Body(body) => {
                message.message = body.text;
                message.attachments = body.attachments;
                message.reply_to = body.reply_to;
                message.mentions = body.mentions;
            }
            MessageContent::System(notice) => {
                message.message = sentence(&notice).into_owned();
                message.system = Some(notice);
            }
            MessageContent::Deleted(deleted) => message.deleted = deleted,
        }
        message
    }
}

/// A system notice for apps that only show texts.
fn sentence(notice: &SystemNotice) -> Cow<'static, str> {
    match notice {
        SystemNotice::Created { by } => format!("{by} created the room").into(),
        SystemNotice::Joined { user } => format!("{user} joined").into(),
        SystemNotice::Invited { user, by } => format!("{by} brought {user} in").into(),
        SystemNotice::Left { user } => format!("{user} left").into(),
        SystemNotice::Removed { user, by } => format!("{by} removed {user}").into(),
        SystemNotice::RoleSet { user, by, .. } => format!("{by} changed the role of {user}").into(),
        SystemNotice::Renamed { name, by } => format!("{by} named the room {name}").into(),
        SystemNotice::TopicSet { topic, by } => format!("{by} set the topic: {topic}").into(),
        SystemNotice::StateSet { by, .. } => format!("{by} changed what may be done here").into(),
        SystemNotice::SlowModeSet { seconds: 0, by } => format!("{by} ended slow mode").into(),
        SystemNotice::SlowModeSet { seconds, by } => {
            format!("{by} set slow mode: a message every {seconds} s").into()
        }
        SystemNotice::Announced { text } => text.clone().into(),
    }
}

/// The acknowledgement of `chatMessage`: stored for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::Posted)]
pub struct Posted {
    #[serde(rename = "_id")]
    pub id: MessageId,
    pub seq: Seq,
    pub rev: Rev,
    pub created_at: Timestamp,
    pub client_id: ClientId,
    /// It had been stored before: this is the first one's place.
    pub duplicate: bool,
}

impl Posted {
    pub const fn new(appended: &Appended, client_id: ClientId) -> Self {
        let Appended { seq, rev, message_id, created_at, duplicate } = *appended;
        Self { id: message_id, seq, rev, created_at, client_id, duplicate }
    }
}

/// The acknowledgement of `openRoom`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::OpenedRoom)]
pub struct OpenedRoom {
    pub room_id: RoomId,
    /// The other one.
    #[serde(rename = "_id")]
    pub id: UserId,
    pub name: String,
    /// The address of a picture, if there is one.
    pub avatar: String,
    pub created: bool,
    pub seq: Seq,
}

impl OpenedRoom {
    pub fn new(opened: &Opened, receiver: UserId) -> Self {
        Self {
            room_id: opened.room.room,
            name: receiver.as_str().to_owned(),
            id: receiver,
            avatar: String::new(),
            created: opened.created,
            seq: opened.seq,
        }
    }
}

/// One of the conversations in the acknowledgement of `chatRecord`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::ChatRecord)]
pub struct ChatRecord {
    pub room_id: RoomId,
    /// The other one of a direct room.
    pub receiver: Option<UserId>,
    pub name: String,
    /// The last one, if anything was said.
    pub message: Option<LastMessage>,
    pub unread: u64,
    pub last_read_seq: Seq,
    pub seq: Seq,
    pub pinned: bool,
    pub muted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::LastMessage)]
pub struct LastMessage {
    pub message: String,
    pub sender: UserId,
    pub created_at: Timestamp,
}

impl From<ChatView> for ChatRecord {
    fn from(chat: ChatView) -> Self {
        let last = chat.last_message.map(Message::from);
        let name = match &chat.peer {
            Some(peer) => peer.as_str().to_owned(),
            None => chat.room.name,
        };
        Self {
            room_id: chat.room.room,
            receiver: chat.peer,
            name,
            message: last.map(|last| LastMessage {
                message: last.message,
                sender: last.sender,
                created_at: last.created_at,
            }),
            unread: chat.unread,
            last_read_seq: chat.last_read_seq,
            seq: chat.seq,
            pinned: chat.pinned,
            muted: chat.muted,
        }
    }
}
