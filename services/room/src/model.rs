//! What the service keeps, as plain values: rooms, members, and memberships seen from the user's
//! side. Stores make them, `wire` turns them into messages; nothing here knows either.

use hubbub_domain::{
    Fault, Role, RoomId, RoomKind, RoomState, Seq, SystemNotice, Timestamp, UserId, limits,
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

/// A room's name: trimmed, 1 to 128 characters, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomName(String);

impl RoomName {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let name = text.trim();
        if name.is_empty() {
            return Err(Fault::bad_request("name is empty"));
        }
        bounded("name", name, limits::ROOM_NAME_CHARS_MAX)?;
        if name.chars().any(char::is_control) {
            return Err(Fault::bad_request("name has a control character"));
        }
        Ok(Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A room's topic: at most 512 characters; line breaks are welcome, other control characters not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topic(String);

impl Topic {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        bounded("topic", text, limits::ROOM_TOPIC_CHARS_MAX)?;
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(Fault::bad_request("topic has a control character"));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The form in which names are compared: how somebody typed the case does not matter.
pub fn fold(name: &str) -> String {
    name.to_lowercase()
}

fn bounded(field: &'static str, text: &str, chars_max: usize) -> Result<(), Fault> {
    if text.len() > chars_max && text.chars().count() > chars_max {
        return Err(Fault::new(
            hubbub_domain::Code::TooLarge,
            format!("{field} has more than {chars_max} characters"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hubbub_domain::Code;

    use super::{RoomName, Topic};

    #[test]
    fn names_are_trimmed_and_bounded() {
        let code = |text: &str| RoomName::parse(text).map_err(|fault| fault.code);
        assert_eq!(RoomName::parse("  Lobby ").expect("valid").as_str(), "Lobby");
        assert_eq!(code(""), Err(Code::BadRequest));
        assert_eq!(code(" \t "), Err(Code::BadRequest));
        assert_eq!(code("a\u{7}b"), Err(Code::BadRequest));
        assert!(code(&"é".repeat(128)).is_ok());
        assert_eq!(code(&"é".repeat(129)), Err(Code::TooLarge));
    }

    #[test]
    fn topics_may_be_empty_and_have_lines() {
        let code = |text: &str| Topic::parse(text).map(|_| ()).map_err(|fault| fault.code);
        assert_eq!(code(""), Ok(()));
        assert_eq!(code("one\ntwo"), Ok(()));
        assert_eq!(code("nul\0"), Err(Code::BadRequest));
        assert_eq!(code(&"x".repeat(513)), Err(Code::TooLarge));
    }
}
