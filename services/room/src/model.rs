//! What the service keeps, as plain values: rooms, members, and memberships seen from the user's
//! side. Stores make them, `wire` turns them into messages; nothing here knows either.

use hubbub_domain::{
    Fault, Role, RoomId, RoomKind, RoomState, Seq, SystemNotice, Timestamp, UserId, limits, names,
};

/// A room. A direct room has a `pair` and no name; the others have a name and no pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    pub id: RoomId,
    pub kind: RoomKind,
    pub name: String,
    pub topic: String,
    pub state: RoomState,
    /// The least time between two messages of a member; 0: none.
    pub slow_mode_seconds: u32,
    pub member_count: u32,
    pub created_at: Timestamp,
    /// The two people of a direct room, in the order of `direct_pair`.
    pub pair: Option<(UserId, UserId)>,
    /// One of the two of a direct room blocks the other.
    pub blocked: bool,
}

/// Somebody in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub user: UserId,
    pub role: Role,
    pub joined_at: Timestamp,
}

/// A room from the side of one of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub user: UserId,
    pub room: RoomId,
    pub kind: RoomKind,
    pub state: RoomState,
    pub slow_mode_seconds: u32,
    pub role: Role,
    pub last_read: Seq,
    pub joined_at: Timestamp,
    pub muted: bool,
    pub pinned: bool,
    pub peer: Option<UserId>,
    pub name: String,
    /// One of the two of a direct room blocks the other.
    pub blocked: bool,
}

/// One of a user's conversations: the user's own half, and the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatRecord {
    pub room: Room,
    pub role: Role,
    pub peer: Option<UserId>,
    pub pinned: bool,
    pub muted: bool,
    pub last_read: Seq,
    pub joined_at: Timestamp,
}

/// What a user set for one conversation, as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatFlags {
    pub user: UserId,
    pub room: RoomId,
    pub pinned: bool,
    pub muted: bool,
    pub last_read: Seq,
}

/// One user's list of memberships changed: its new version, and the standing (`None`: gone).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipChange {
    pub user: UserId,
    pub version: u64,
    pub room: RoomId,
    pub membership: Option<Membership>,
}

impl MembershipChange {
    /// Each user's new version with the standing it belongs to.
    pub fn pair_up(
        room: RoomId,
        versions: Vec<(UserId, u64)>,
        mut memberships: Vec<Membership>,
    ) -> Vec<Self> {
        memberships.sort_by(|a, b| a.user.cmp(&b.user));
        let standing = |user: &UserId| {
            let place =
                memberships.binary_search_by(|membership| membership.user.cmp(user)).ok()?;
            Some(memberships[place].clone())
        };
        versions
            .into_iter()
            .map(|(user, version)| {
                let membership = standing(&user);
                Self { user, version, room, membership }
            })
            .collect()
    }
}

/// A notice that history has not confirmed yet. `(room, position)` names it for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingNotice {
    pub room: RoomId,
    /// 1, 2, 3, … per room, in the order of the changes.
    pub position: u64,
    pub notice: SystemNotice,
    pub created_at: Timestamp,
}

/// A room's name: trimmed, 1 to 128 characters, by the rules for [names](hubbub_domain::names).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomName(String);

impl RoomName {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        names::room_name(text, limits::ROOM_NAME_CHARS_MAX).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A room's topic: at most 512 characters; line breaks are allowed, other control characters are not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topic(String);

impl Topic {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        names::room_topic(text, limits::ROOM_TOPIC_CHARS_MAX).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The form in which names are compared: how somebody typed the case does not matter.
pub fn fold(name: &str) -> String {
    name.to_lowercase()
}
