//! The acknowledgements of events that the namespace answers in words of its own.

use hubbub_domain::{RoomId, Seq, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Present;
use crate::RoomView;

/// The acknowledgement of `join-room`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = chat::RoomEntered)]
pub struct RoomEntered {
    /// Always true.
    pub ok: bool,
    pub room: RoomId,
    /// The room's newest message; absent when the socket had entered the room before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
}

/// The acknowledgement of `leaveRoom`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = chat::RoomLeft)]
pub struct RoomLeft {
    /// Always true.
    pub ok: bool,
    pub room: RoomId,
}

/// The acknowledgement of `read`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::ReadSoFar)]
pub struct ReadSoFar {
    pub unread: u64,
    pub last_read_seq: Seq,
}

/// The acknowledgement of `watch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = chat::WatchedUsers)]
pub struct WatchedUsers {
    pub users: Vec<Present>,
}

/// The acknowledgement of `publicRooms`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::PublicRooms)]
pub struct PublicRoomList {
    pub rooms: Vec<RoomView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The acknowledgement of `refresh`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = chat::Refreshed)]
pub struct Refreshed {
    pub expires_at: Timestamp,
}
