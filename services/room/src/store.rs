//! The store port: what the service asks of a database, and the contract every adapter keeps.
//!
//! # The contract
//!
//! - **One call is one transaction.** When it fails nothing of it was written, unless it fails as
//!   `Unavailable` at the commit: then the caller repeats it, and every call here may be repeated.
//! - **Changes of one room happen one after the other.** [`Store::change`] locks the room, shows it
//!   to [`Change::decide`] and writes exactly the plan. `member_count` is exact, a room with
//!   members has exactly one owner, and notices take positions 1, 2, 3, … in the room's order.
//! - **A change of a user's memberships raises that user's version** by one per call, in the same
//!   transaction. Versions are locked last and in order of the user's id, so calls cannot deadlock.
//! - **Two people have one direct room**, however many ask: exactly one call answers `created`.
//! - **Ids sort by their bytes.** Not found is `None` or an empty list; an outage is an error.
//!
//! To add an adapter: implement [`Store`] and run `conformance` on it.

mod making;
mod postgres;
mod rows;
mod sqlite;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod model_test;

use std::sync::Arc;

use async_trait::async_trait;
use hubbub_domain::{Role, RoomId, Seq, Timestamp, UserId};
use uuid::Uuid;

pub use self::{
    making::{Made, NewDirect, NewRoom},
    postgres::PostgresStore,
    sqlite::SqliteStore,
};
use crate::{
    blocking::{Block, Shut},
    change::{Change, Departed},
    config::Config,
    error::StoreError,
    model::{ChatFlags, ChatRecord, Member, Membership, MembershipChange, PendingNotice, Room},
};

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The store behind the address of the configuration, with its tables brought up to date.
pub async fn open(config: &Config) -> Result<Arc<dyn Store>> {
    let url = config.database.expose();
    match url.split(':').next() {
        Some("sqlite") => Ok(Arc::new(SqliteStore::open(url, &config.sqlite).await?)),
        Some("postgres" | "postgresql") => {
            Ok(Arc::new(PostgresStore::open(url, &config.postgres).await?))
        }
        _ => Err(StoreError::Setup("database is neither postgres://… nor sqlite:…".to_owned())),
    }
}

/// Where rooms, members and chatRecords are kept; see the contract above.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The direct room of a pair (in the order of `direct_pair`), when there is one. One query.
    async fn find_direct(&self, low: &UserId, high: &UserId) -> Result<Option<Room>>;

    /// The direct room of a pair: the one that is there, or this one.
    async fn open_direct(&self, new: &NewDirect) -> Result<Made>;

    /// Notes a block that is newer than what is known of it, and shuts or opens the pair's direct
    /// room. A direct room of two of whom one blocks the other is not made either.
    async fn set_block(&self, block: &Block) -> Result<Shut>;

    /// Makes a room, or answers the one an earlier call of the same actor and request made.
    async fn create_room(&self, new: &NewRoom) -> Result<Made>;

    /// Forgets the oldest of the requests carried out before a moment, `limit` at most, and answers
    /// how many. A request that is forgotten makes another room when it is repeated.
    async fn forget_requests(&self, before: Timestamp, limit: u32) -> Result<u64>;

    /// Changes a room as [`Change::decide`] says; `Refused` carries its refusal.
    async fn change(&self, change: &Change) -> Result<Changed>;

    /// A room and the user's role in it; `None` unless the user is a member.
    async fn room_of(&self, user: &UserId, room: RoomId) -> Result<Option<(Room, Role)>>;

    /// Members after a place in the order owner, admins, members, then by id.
    async fn members(&self, room: RoomId, page: &Page<MemberPlace>) -> Result<Vec<Member>>;

    /// A user's standing in a room. One query.
    async fn membership(&self, user: &UserId, room: RoomId) -> Result<Option<Membership>>;

    /// A user's memberships after a place in the order: joined last first, then by room, falling.
    async fn memberships(&self, user: &UserId, page: &Page<JoinPlace>) -> Result<Vec<Membership>>;

    /// The versions of those of the users who have one; the others' is 0. One query.
    async fn versions(&self, users: &[UserId]) -> Result<Vec<(UserId, u64)>>;

    /// Which of these pairs share a room while neither blocks the other: their places in the list, in any
    /// order. One query.
    async fn acquainted(&self, pairs: &[(UserId, UserId)]) -> Result<Vec<usize>>;

    /// The direct rooms of these pairs, with the place of each in the list. One query.
    async fn direct_rooms(&self, pairs: &[(UserId, UserId)]) -> Result<Vec<(usize, RoomId)>>;

    /// Changes what a user decided who left a room by themself; nothing when they did not.
    async fn set_departure(&self, room: RoomId, departed: &Departed) -> Result<()>;

    /// Users with a membership, by id, after one of them.
    async fn users_after(&self, page: &Page<UserId>) -> Result<Vec<UserId>>;

    /// Takes a user who does not exist out of a direct room, which is dissolved for the other one; the
    /// pair may have another from then on.
    async fn part(&self, ghost: &UserId, room: RoomId) -> Result<()>;

    /// The most recently joined of a user's chatRecords with their rooms. One query.
    async fn chat_records(&self, wish: &ChatWish) -> Result<Vec<ChatRecord>>;

    /// Sets what is named and answers all as it is now; `None` unless the user is a member.
    async fn set_flags(&self, wish: &FlagWish) -> Result<Option<ChatFlags>>;

    /// Moves markers forward, never back, and answers those of members, one per user and room.
    async fn mark_read(&self, markers: &[Marker]) -> Result<Vec<Marked>>;

    /// How far each member has come, in order of their ids; at most `limit`.
    async fn progress(&self, room: RoomId, limit: u32) -> Result<Vec<Progress>>;

    /// Those of the users who are members, in order.
    async fn members_among(&self, room: RoomId, users: &[UserId]) -> Result<Vec<UserId>>;

    /// Public rooms, not dissolved, whose folded name starts with the prefix, by folded name.
    async fn public_rooms(&self, wish: &PublicWish) -> Result<Vec<Room>>;

    /// Takes undelivered notices: of each of at most `rooms_max` rooms the oldest ones, in order,
    /// `notices_max` in all, oldest rooms first. A room is in one claim at a time, over all
    /// instances; a claim that is dropped lets go of all.
    async fn claim_notices(&self, rooms_max: u32, notices_max: u32)
    -> Result<Box<dyn NoticeClaim>>;

    /// How many notices wait, counted up to 10,000, and since when the oldest of those does.
    async fn backlog(&self) -> Result<Backlog>;

    /// Whether the store answers.
    async fn ping(&self) -> Result<()>;
}

/// Notices taken for delivery.
#[async_trait]
pub trait NoticeClaim: Send {
    /// By room, and in each room in order.
    fn notices(&self) -> &[PendingNotice];

    /// Takes those away that were delivered (as `(room, position)`), and lets go of the others.
    async fn settle(self: Box<Self>, delivered: &[(RoomId, u64)]) -> Result<()>;
}

/// A room after a change.
#[derive(Clone, Debug)]
pub struct Changed {
    pub room: Room,
    /// Anything was written.
    pub written: bool,
    pub added: Vec<UserId>,
    /// Left the room before, and were not added again.
    pub refused: Vec<UserId>,
    pub changes: Vec<MembershipChange>,
    /// The actor's own standing afterwards.
    pub actor: Option<Membership>,
}

/// A keyset page: what comes after a place, and how much of it.
#[derive(Clone, Debug)]
pub struct Page<P> {
    pub after: Option<P>,
    pub limit: u32,
}

/// A place in the order of a room's members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberPlace {
    pub role: Role,
    pub user: UserId,
}

/// A place in the order of a user's memberships.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinPlace {
    pub joined_at: Timestamp,
    pub room: RoomId,
}

impl JoinPlace {
    /// Before every membership: the latest moment there is, and the greatest id.
    const FIRST: Self =
        Self { joined_at: Timestamp::from_micros(i64::MAX), room: RoomId::from_uuid(Uuid::max()) };
}

/// Which chatRecords of a user.
#[derive(Clone, Debug)]
pub struct ChatWish {
    pub user: UserId,
    pub only: ChatFilter,
    pub limit: u32,
}

/// All chatRecords, or some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatFilter {
    All,
    Pinned,
}

/// Flags of a chatRecord to set; `None` stays.
#[derive(Clone, Debug)]
pub struct FlagWish {
    pub user: UserId,
    pub room: RoomId,
    pub pinned: Option<bool>,
    pub muted: Option<bool>,
}

/// How far a user has read in a room, and how far the room has reached them; 0 leaves a marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    pub user: UserId,
    pub room: RoomId,
    pub seq: Seq,
    pub delivered: Seq,
}

/// Where a user's markers stand now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    pub flags: ChatFlags,
    /// Never less than what was read.
    pub delivered: Seq,
    pub moved: Moved,
    /// Of the room.
    pub member_count: u32,
}

/// Which markers were moved by this very call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    pub read: bool,
    pub delivered: bool,
}

/// How far a member has come in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub user: UserId,
    pub read: Seq,
    /// Never less than what was read.
    pub delivered: Seq,
    /// The newest message when they came: nothing up to it was meant for them.
    pub joined: Seq,
}

/// Which public rooms.
#[derive(Clone, Debug)]
pub struct PublicWish {
    /// In whatever case; the store folds it.
    pub prefix: String,
    /// The folded name and the id of the last room of the page before.
    pub page: Page<(String, RoomId)>,
}

/// Notices that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    pub pending: u64,
    pub oldest: Option<Timestamp>,
}

/// Counting stops here: past it the exact number tells nobody more.
const BACKLOG_COUNTED_MAX: i64 = 10_000;

/// The role's place in the order of lists, as the column `standing` has it.
const fn standing(role: Role) -> i64 {
    match role {
        Role::Owner => 0,
        Role::Admin => 1,
        Role::Member => 2,
    }
}

/// The first text after all that start with `prefix`, in the order of bytes (which for UTF-8 is the
/// order of scalar values).
fn prefix_end(prefix: &str) -> String {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            char::MAX => None,
            _ => char::from_u32(last as u32 + 1),
        };
        if let Some(next) = next {
            chars.push(next);
            return chars.into_iter().collect();
        }
    }
    // Nothing comes after every text; folding a name makes it three times as long at the most.
    String::from(char::MAX).repeat(3 * hubbub_domain::limits::ROOM_NAME_CHARS_MAX + 1)
}

#[cfg(test)]
mod tests {
    use super::prefix_end;

    #[test]
    fn a_prefix_ends_where_the_next_begins() {
        assert_eq!(prefix_end("ab"), "ac");
        assert_eq!(prefix_end("a\u{10ffff}"), "b");
        assert_eq!(prefix_end("\u{d7ff}"), "\u{e000}");
        assert!(prefix_end("") > "\u{10ffff}".repeat(300));
    }
}
