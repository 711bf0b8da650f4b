//! The store port: what the service asks of a database, and the contract every adapter keeps.
//!
//! # The contract
//!
//! - **One call is one transaction.** When it fails nothing of it was written, unless it fails as
//!   `Unavailable` at the commit.
//! - **A name is given once**, however many ask: exactly one of them gets it. Two names with one
//!   skeleton are one name. A guest's nickname is free again when the guest has expired.
//! - **Sessions of one user change one after the other.** A session that is opened with the proof of
//!   a password is opened only if that still is the password; after `end_all` no older session
//!   holds, and none is opened or renewed that began before it.
//! - **A refresh token is spent once** (and again within its grace); spending one that was spent
//!   before ends its session, and says so.
//! - **Blocks are counted per pair and direction**: each change raises the version, and what the
//!   room service was not told of is found by [`Store::untold_blocks`] until it was.
//! - Ids sort by their bytes. Not found is `None` or an empty list; an outage is an error.
//!
//! To add an adapter: implement [`Store`] and run `conformance` on it. Two SQL databases share the
//! text of their statements (`statements`); an adapter says how it connects, how a transaction that
//! writes begins, and how a list of texts becomes rows.

mod postgres;
mod rows;
mod sqlite;

#[cfg(test)]
mod conformance;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use hubbub_domain::{Fault, Timestamp, UserId};

pub use self::{postgres::PostgresStore, sqlite::SqliteStore};
use crate::{
    config::Config,
    contacts::{Link, Scene, Wish},
    error::StoreError,
    keys::{StoredKey, Turn},
    model::{BlockNotice, Credentials, SessionId, TokenHash, User},
    policy::{Audience, Settings, Tie},
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

/// Where people, sessions, keys, contacts and blocks are kept; see the contract above.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Makes somebody, unless the id or the name is taken.
    async fn make_user(&self, new: &NewUser) -> Result<Made>;

    /// Makes those of these people nobody has heard of, whatever they are called.
    async fn meet(&self, users: &[NewUser]) -> Result<()>;

    async fn credentials(&self, user: &UserId) -> Result<Option<Credentials>>;

    /// Opens a session; the sessions beyond the bound end, the longest silent first.
    async fn open_session(&self, new: &NewSession) -> Result<Opened>;

    /// Sets another password in place of the proven one, ends all sessions, and opens one.
    async fn change_password(&self, new: &NewSession, password: &str) -> Result<Opened>;

    /// Exchanges a refresh token for its successor.
    async fn spend(&self, exchange: &Exchange) -> Result<Spent>;

    /// Ends a session; whether it was there and this user's.
    async fn end_session(&self, user: &UserId, session: SessionId, at: Timestamp) -> Result<bool>;

    /// Ends all sessions, and notes that older tokens hold no more; false for nobody.
    async fn end_all(&self, user: &UserId, at: Timestamp) -> Result<bool>;

    /// The same, and nobody gets in as this user until the ban is lifted (`None`).
    async fn set_ban(&self, user: &UserId, ban: Ban, at: Timestamp) -> Result<bool>;

    /// What is known about these users, of those that are known. One query.
    async fn standings(&self, users: &[UserId]) -> Result<Vec<Standing>>;

    /// Those of these sessions that are open, with their users. One query.
    async fn open_sessions(
        &self,
        sessions: &[SessionId],
        at: Timestamp,
    ) -> Result<Vec<(SessionId, UserId)>>;

    async fn users(&self, users: &[UserId]) -> Result<Vec<User>>;

    /// Changes a profile and settings; `None` for nobody.
    async fn update_profile(
        &self,
        user: &UserId,
        change: &ProfileChange,
    ) -> Result<Option<(User, Settings)>>;

    /// A user with their settings; `None` for nobody.
    async fn me(&self, user: &UserId) -> Result<Option<(User, Settings)>>;

    /// How the second of each pair stands to the first, with the pair's place in the list; without those
    /// of whom the second does not exist. One query.
    async fn ties(&self, pairs: &[(UserId, UserId)]) -> Result<Vec<(usize, Tie)>>;

    /// People neither banned nor expired whose folded name starts with a prefix.
    async fn search(&self, wish: &Search) -> Result<Vec<User>>;

    async fn keys(&self) -> Result<Vec<StoredKey>>;

    /// Turns the keys: `decide` is shown those there are while nobody else turns them.
    async fn turn_keys(
        &self,
        decide: &DecideTurn<'_>,
        make: &MakeKey<'_>,
    ) -> Result<Vec<StoredKey>>;

    /// Counts an attempt (a leaky bucket: `burst` at once, and one more each `every`). When there
    /// was one too many nothing is counted, and the answer is when the next may be.
    async fn attempt(&self, attempt: &Attempt<'_>) -> Result<Option<Duration>>;

    /// Forgets the attempts under a key: they were somebody's own.
    async fn forgive(&self, key: &str) -> Result<()>;

    /// Carries out what one of two people wishes; `Refused` carries the rules' refusal.
    async fn wish(&self, wish: &ContactWish) -> Result<Wished>;

    /// A user's contacts and requests after an id, by id.
    async fn contacts(&self, wish: &ContactPage) -> Result<Vec<(User, Link, Timestamp)>>;

    /// The people whom a user blocks, after an id, by id.
    async fn blocks(&self, page: &Page) -> Result<Vec<User>>;

    /// Those of the peers with whom there is a block in either direction. One query.
    async fn blocks_between(&self, user: &UserId, peers: &[UserId]) -> Result<Vec<UserId>>;

    /// Blocks, and lifted ones, that the room service was not told of, oldest change first.
    async fn untold_blocks(&self, limit: u32) -> Result<Vec<BlockNotice>>;

    /// The room service knows of these.
    async fn blocks_told(&self, told: &[BlockNotice]) -> Result<()>;

    /// Forgets what has ended before a moment: sessions with their tokens, names of guests who
    /// expired, attempts that count no more. `limit` of each at the most.
    async fn forget(&self, before: Timestamp, limit: u32) -> Result<()>;

    /// Whether the store answers.
    async fn ping(&self) -> Result<()>;
}

/// What is to be done, by the keys there are.
pub type DecideTurn<'a> = dyn Fn(&[StoredKey]) -> Turn + Send + Sync + 'a;

/// A key that signs from then on.
pub type MakeKey<'a> = dyn Fn(Timestamp) -> Result<StoredKey> + Send + Sync + 'a;

/// Somebody to be made.
#[derive(Clone)]
pub struct NewUser {
    pub user: User,
    /// What the name looks like.
    pub skeleton: String,
    pub password: Option<String>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    New,
    Taken,
}

/// A session to be opened.
#[derive(Clone)]
pub struct NewSession {
    pub id: SessionId,
    pub user: UserId,
    /// The password (as it is kept) that was proven; `None` where there is none.
    pub proof: Option<String>,
    pub token: TokenHash,
    pub at: Timestamp,
    pub expires_at: Timestamp,
    pub sessions_max: u32,
}

/// Whether a session was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// And which others ended for it.
    Open { ended: Vec<SessionId> },
    /// The user is banned.
    Banned,
    /// The user is gone or expired, or has another password by now.
    Refused,
}

/// A refresh token for its successor.
pub struct Exchange {
    pub token: TokenHash,
    pub successor: TokenHash,
    pub at: Timestamp,
    /// A token spent at this moment or later may be spent again. `None` is no grace at all, also for
    /// whoever's clock lags behind that of the instance that saw it spent.
    pub spent_since: Option<Timestamp>,
    pub expires_at: Timestamp,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spent {
    Renewed {
        user: User,
        session: SessionId,
        expires_at: Timestamp,
    },
    /// It was spent before: its session has ended by this.
    Reused {
        user: UserId,
        session: SessionId,
    },
    /// Of a session whose user is banned.
    Banned,
    /// Nobody's, or of a session that has ended.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ban {
    Banned,
    Lifted,
}

/// What decides about a user's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub user: UserId,
    pub banned: bool,
    /// Tokens of this moment and older hold no more.
    pub not_before: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
}

/// What to change; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ProfileChange {
    pub display_name: Option<String>,
    pub colour: Option<String>,
    pub avatar_url: Option<String>,
    pub groups_from: Option<Audience>,
    pub presence_to: Option<Audience>,
}

/// Which people.
#[derive(Clone, Debug)]
pub struct Search {
    /// Folded; not empty.
    pub prefix: String,
    /// The name and id of the last one of the page before.
    pub after: Option<(String, String)>,
    pub limit: u32,
    pub at: Timestamp,
}

/// An attempt at something that is limited.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub key: &'a str,
    pub burst: u32,
    pub every: Duration,
    pub at: Timestamp,
}

/// What somebody wishes of somebody.
#[derive(Clone, Debug)]
pub struct ContactWish {
    pub actor: UserId,
    pub peer: UserId,
    pub wish: Wish,
    pub at: Timestamp,
    pub contacts_max: u32,
}

/// What it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wished {
    pub before: Scene,
    pub after: Scene,
}

/// What comes after an id, and how much of it.
#[derive(Clone, Debug)]
pub struct Page {
    pub user: UserId,
    pub after: Option<UserId>,
    pub limit: u32,
}

/// Which contacts.
#[derive(Clone, Debug)]
pub struct ContactPage {
    pub page: Page,
    pub only: Option<Link>,
}

/// The one answer for somebody nobody has heard of.
pub(crate) fn nobody() -> Fault {
    Fault::new(hubbub_domain::Code::NotFound, "no such person")
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
    // Nothing comes after every text; a name has 128 bytes at the most.
    String::from(char::MAX).repeat(hubbub_domain::limits::USER_ID_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::prefix_end;

    #[test]
    fn a_prefix_ends_where_the_next_begins() {
        assert_eq!(prefix_end("ab"), "ac");
        assert_eq!(prefix_end("a\u{10ffff}"), "b");
        assert_eq!(prefix_end("\u{d7ff}"), "\u{e000}");
    }
}
