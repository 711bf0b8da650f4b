//! Who is there and who types, and what services push: what holds for the moment only.

use hubbub_domain::{RoomId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Typing {
    pub room: RoomId,
    #[serde(default = "yes")]
    pub on: bool,
}

const fn yes() -> bool {
    true
}

/// Replaces the list of users whose presence is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Watch {
    pub users: Vec<UserId>,
}

/// Whether somebody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PresenceState {
    Online,
    /// Connected, and idle on every device.
    Away,
    Offline,
    /// Nobody can say just now, or it is not yours to see.
    Unknown,
}

/// A user's presence. Of two the one with the greater `version` is the newer; `unknown` replaces any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PresenceView {
    pub user: UserId,
    pub state: PresenceState,
    pub version: u64,
    /// When they went offline, while that is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
}

/// The answer to `watch`: as they are now, in the order asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Watched {
    pub users: Vec<PresenceView>,
}

/// What another service tells a user, or everybody who follows a room. Not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PushedView {
    /// Unset: it is for the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    pub name: String,
    pub payload: Value,
    /// The service's own id: the same again is the same push, told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_id: Option<String>,
}
