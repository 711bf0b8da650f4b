//! Rooms in words: what kind they are, what state they are in, and who may do what by role.

use serde::{Deserialize, Serialize};

use crate::{Fault, UserId};

/// What a room is for. It never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    /// Exactly two people, found or made by naming the other.
    Direct,
    /// By invitation.
    Group,
    /// Anybody may join.
    Public,
}

/// What may happen in a room.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RoomState {
    #[default]
    Open,
    /// Members read and nobody posts, until it is opened again.
    ReadOnly,
    /// For good: members keep what was said, nothing is added or changed.
    Dissolved,
}

/// A member's standing, in rising order.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    #[default]
    Member,
    Admin,
    Owner,
}

macro_rules! spelled {
    ($name:ident, $what:literal, $($variant:ident => $text:literal),+) => {
        impl $name {
            /// The spelling clients see, and stores keep.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = Fault;

            fn from_str(text: &str) -> Result<Self, Fault> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(Fault::bad_request(concat!($what, " is none of ", $($text, " "),+).trim_end())),
                }
            }
        }
    };
}

spelled!(RoomKind, "kind", Direct => "direct", Group => "group", Public => "public");
spelled!(RoomState, "state", Open => "open", ReadOnly => "read_only", Dissolved => "dissolved");
spelled!(Role, "role", Member => "member", Admin => "admin", Owner => "owner");

/// The two people of a direct room in the one order that both sides compute.
pub fn direct_pair<'a>(a: &'a UserId, b: &'a UserId) -> Result<(&'a UserId, &'a UserId), Fault> {
    match a.cmp(b) {
        std::cmp::Ordering::Less => Ok((a, b)),
        std::cmp::Ordering::Greater => Ok((b, a)),
        std::cmp::Ordering::Equal => Err(Fault::bad_request("peer is yourself")),
    }
}
