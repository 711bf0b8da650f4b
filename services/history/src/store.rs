//! The storage port: where the history of all rooms lives.
//!
//! # The contract
//!
//! - **What is answered is committed**, and survives the death of this process.
//! - **Places are given out without a gap.** `seq` and `rev` are 1, 2, 3, … per room, whoever writes
//!   and from however many processes; `created_at` rises strictly with `seq`.
//! - **`(room, sender, client_id)` is unique for ever.** A repeated post answers the first one's place.
//! - **Every commit that changes a room leaves an outbox row** that names the revisions, until somebody
//!   says that they were published ([`Batch::finished`], [`Store::finish`], [`Claim::finish`]).
//! - **An epoch is one unbroken history.** When the store lost its newest changes (its server was
//!   replaced by one that did not have them), a new epoch begins before anything is read or stored.
//!   Each room forks where it stood then; revisions up to there are the same in both epochs.
//! - **A read is of one moment**: the head it carries, and everything else in it, belong together.
//! - **An error says whose fault it is** ([`StoreError`]). After `Unavailable` of a write it is unknown
//!   whether it was done; repeating [`Store::append`] is harmless.
//!
//! Time is a parameter. Absence is `Option`, never an error. To add an adapter: implement [`Store`] and
//! [`Claim`], and run `conformance` on it.

#[cfg(test)]
mod conformance;
mod error;
pub mod postgres;
mod ranking;
mod record;
pub mod sqlite;

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use hubbub_domain::{
    Body, Change, ClientId, Head, Message, MessageId, MessageKind, Rev, RoomId, Seq, SystemNotice,
    Timestamp, UserId,
};
use uuid::Uuid;

pub use error::{ChangeError, StoreError};
pub use ranking::{Rank, RankedRoom, Ranking};
pub(crate) use record::posted;

use self::{postgres::PostgresStore, sqlite::SqliteStore};
use crate::{Config, ReactionBounds, rules::Window};

/// See the contract above.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Stores a batch in one transaction, in its order. No two posts of a batch may have the same
    /// room, sender and client id.
    async fn append(&self, batch: Batch<'_>) -> Result<Committed, StoreError>;

    /// Replaces a message's body.
    async fn edit(&self, edit: &Edit) -> Result<Recorded, ChangeError>;
    /// Takes a message's body, its earlier bodies and its reactions away.
    async fn delete(&self, deletion: &Deletion) -> Result<Recorded, ChangeError>;
    /// Sets or takes back a reaction.
    async fn react(&self, reacting: &Reacting) -> Result<Recorded, ChangeError>;

    /// The messages of a window, oldest first.
    async fn page(&self, room: RoomId, window: Window) -> Result<Page, StoreError>;
    /// At most `limit` changes after a revision, contiguous from `after + 1`.
    async fn changes(&self, room: RoomId, after: Rev, limit: u32) -> Result<Changes, StoreError>;
    /// Heads in the order of the markers; what is unread is counted only for a user.
    async fn heads(&self, markers: &[Marker], user: Option<&UserId>) -> Result<Heads, StoreError>;
    /// What a message said, newest first, for those who may see it: at most `limit + 1` versions.
    async fn edits(&self, wish: &EditsWish) -> Result<Vec<Version>, ChangeError>;
    /// Who sent a message, and who has spoken since (10,000 at the most); `None` when it is absent.
    async fn senders(&self, room: RoomId, seq: Seq) -> Result<Option<Senders>, StoreError>;
    /// Which of these users have written in these rooms: their places in the list, in any order.
    async fn wrote(&self, senders: &[(RoomId, UserId)]) -> Result<Vec<usize>, StoreError>;
    /// At most `limit + 1` rooms by activity, newest first, then by id. No room may be named twice.
    async fn rank(&self, ranking: &Ranking) -> Result<Vec<RankedRoom>, StoreError>;

    /// Which history this is.
    async fn epoch(&self) -> Result<Uuid, StoreError>;
    /// Begins another epoch.
    async fn new_epoch(&self, cause: Cause) -> Result<Uuid, StoreError>;
    /// How much of what a reader of an earlier epoch knows is still here, per room in their order.
    async fn survived(&self, epoch: Uuid, rooms: &[RoomId]) -> Result<Survived, StoreError>;

    /// The oldest outbox rows from before a moment that nobody else has claimed, at most `rows_max`.
    /// They stay claimed until the claim is finished or dropped.
    async fn claim(&self, before: Timestamp, rows_max: u32) -> Result<Box<dyn Claim>, StoreError>;
    /// Deletes outbox rows whose revisions were published.
    async fn finish(&self, rows: &[OutboxId]) -> Result<(), StoreError>;
    /// How much is waiting in the outbox.
    async fn backlog(&self) -> Result<Backlog, StoreError>;
}

/// The store that the configuration names: `postgres://…` or `sqlite:{file}`.
pub async fn open(config: &Config) -> Result<Arc<dyn Store>, StoreError> {
    if !config.database.is_set() {
        return Err(StoreError::Defect("no database is configured".into()));
    }
    let address = config.database.expose();
    if let Some(file) = address.strip_prefix("sqlite:") {
        return Ok(Arc::new(SqliteStore::open(Path::new(file), &config.sqlite).await?));
    }
    Ok(Arc::new(PostgresStore::connect(address, &config.postgres).await?))
}

/// Outbox rows that this process alone may publish.
#[async_trait]
pub trait Claim: Send {
    /// The revisions, in the order of their commits.
    fn ranges(&self) -> &[Range];
    /// The changes of one range, as they read now.
    async fn changes(&mut self, range: Range) -> Result<Changes, StoreError>;
    /// They were published: deletes the rows.
    async fn finish(self: Box<Self>) -> Result<(), StoreError>;
}

/// Revisions of one room, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub room: RoomId,
    pub first: Rev,
    pub last: Rev,
}

impl Range {
    /// The range as a question for changes: after which revision, and how many.
    fn after_and_limit(self) -> (Rev, u32) {
        let after = self.first.0.saturating_sub(1);
        (Rev(after), u32::try_from(self.last.0.saturating_sub(after)).unwrap_or(u32::MAX))
    }
}

/// An outbox row. Its number may be given out again in another epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OutboxId {
    pub row: i64,
    pub epoch: Uuid,
}

/// Why an epoch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The store lost its newest changes and has written nothing since: what it still has holds.
    TailLost,
    /// The store was restored and may have been written to since: nothing of earlier epochs holds.
    Restored,
}

/// What is left of an earlier epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survived {
    /// The epoch of today.
    pub epoch: Uuid,
    /// The last place in each room that both epochs have. `None`: the earlier epoch is not known, or
    /// nothing of it holds.
    pub heads: Option<Vec<Head>>,
}

/// What to store together.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    pub posts: &'a [Post],
    pub now: Timestamp,
    /// Outbox rows to delete with it.
    pub finished: &'a [OutboxId],
}

/// A message to store.
#[derive(Clone, Debug)]
pub struct Post {
    pub room: RoomId,
    pub sender: UserId,
    pub client_id: ClientId,
    pub id: MessageId,
    pub content: Content,
    /// The least time since the sender's last message in the room; zero for none. Sooner it is
    /// refused, whichever process asks.
    pub pause: Duration,
    /// For the bus alone; no store keeps it.
    pub traceparent: String,
}

impl Post {
    /// The message as it stands once it has its place.
    pub fn message(self, place: Place) -> Message {
        Message {
            room: self.room,
            seq: place.seq,
            rev: place.rev,
            id: place.id,
            sender: self.sender,
            client_id: self.client_id,
            kind: self.content.into(),
            created_at: place.created_at,
            edited_at: None,
            reactions: Vec::new(),
        }
    }
}

/// What a new message holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    User(Body),
    System(SystemNotice),
}

impl Content {
    pub fn reply_to(&self) -> Option<Seq> {
        match self {
            Self::User(body) => body.reply_to,
            Self::System(_) => None,
        }
    }
}

impl From<Content> for MessageKind {
    fn from(content: Content) -> Self {
        match content {
            Content::User(body) => Self::User(body),
            Content::System(notice) => Self::System(notice),
        }
    }
}

/// What became of a batch.
#[derive(Clone, Debug)]
pub struct Committed {
    /// One per post, in order.
    pub fates: Vec<Fate>,
    /// `None` when nothing was stored.
    pub outbox: Option<OutboxId>,
}

/// What became of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Stored(Place),
    /// The place is the first one's.
    Duplicate(Place),
    /// It answers a message that does not exist.
    NoSuchReply,
    /// It answers a message that was deleted.
    ReplyDeleted,
    /// Its sender spoke less than the pause ago; from this moment on it would be taken.
    TooSoon(Timestamp),
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub seq: Seq,
    pub rev: Rev,
    pub id: MessageId,
    pub created_at: Timestamp,
}

/// Another body for a message.
#[derive(Clone, Debug)]
pub struct Edit {
    pub room: RoomId,
    pub seq: Seq,
    pub actor: UserId,
    pub body: Body,
    pub now: Timestamp,
}

/// Who takes a message away.
#[derive(Clone, Debug)]
pub struct Deletion {
    pub room: RoomId,
    pub seq: Seq,
    pub actor: UserId,
    pub standing: Standing,
    pub now: Timestamp,
}

/// Whose messages an actor may delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Member,
    Moderator,
}

/// A reaction to set or take back.
#[derive(Clone, Debug)]
pub struct Reacting {
    pub room: RoomId,
    pub seq: Seq,
    pub actor: UserId,
    pub emoji: String,
    pub on: bool,
    pub bounds: ReactionBounds,
    pub now: Timestamp,
}

/// Whose look at which versions of a message.
#[derive(Clone, Debug)]
pub struct EditsWish {
    pub room: RoomId,
    pub seq: Seq,
    pub actor: UserId,
    pub standing: Standing,
    /// Only what it said before this revision.
    pub before: Rev,
    pub limit: u32,
}

/// What a message said from a revision on: that of the edit, or of the message itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub rev: Rev,
    pub at: Timestamp,
    pub body: Body,
}

/// Who sent a message, and whose own newest message stands after it, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Senders {
    pub sender: UserId,
    pub since: Vec<UserId>,
}

/// What became of an edit, a deletion or a reaction.
#[derive(Clone, Debug)]
pub enum Recorded {
    Changed {
        change: Change,
        outbox: OutboxId,
    },
    /// It was so already. `rev` and `at` are those of the first deletion, else the room's own.
    Unchanged {
        rev: Rev,
        at: Timestamp,
    },
}

/// Messages of one room, oldest first.
#[derive(Clone, Debug)]
pub struct Page {
    pub messages: Vec<Message>,
    pub head: Head,
    pub epoch: Uuid,
}

/// Changes of one room, in order.
#[derive(Clone, Debug)]
pub struct Changes {
    pub changes: Vec<Change>,
    pub head: Head,
    pub epoch: Uuid,
}

/// A room and how far a user has read in it.
#[derive(Clone, Copy, Debug)]
pub struct Marker {
    pub room: RoomId,
    pub last_read: Seq,
    /// The room's activity while it has no message.
    pub since: Timestamp,
}

/// Heads in the order they were asked for.
#[derive(Clone, Debug)]
pub struct Heads {
    pub rooms: Vec<RoomHead>,
    pub epoch: Uuid,
}

/// A head, and what lies beyond the reader's marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomHead {
    pub room: RoomId,
    pub head: Head,
    /// What people said after the marker; notices and deleted messages do not count.
    pub unread: u64,
    /// How many of those mention the reader.
    pub mentions: u64,
    pub read: Seq,
    /// When the newest message was stored.
    pub last_at: Option<Timestamp>,
    /// When the newest of what people said was stored; not told with rankings.
    pub last_said_at: Option<Timestamp>,
}

/// What waits in the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    pub rows: u64,
    /// When the oldest row was written.
    pub oldest: Option<Timestamp>,
}
