//! The SQLite adapter, file for file like the one for Postgres. One connection writes, each
//! transaction from its start (`BEGIN IMMEDIATE`), so writers queue up instead of failing; others
//! read beside it (WAL). A commit is on disk before it is answered (`synchronous = FULL`).

mod block;
mod change;
mod create;
mod depart;
mod notices;
mod reads;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use hubbub_domain::{Role, RoomId, Timestamp, UserId};
use sqlx::{
    SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Mutex;

use super::{
    Backlog, Changed, ChatWish, FlagWish, JoinPlace, Made, Marked, Marker, MemberPlace, NewDirect,
    NewRoom, NoticeClaim, Page, Progress, PublicWish, Result, Store,
};
use crate::{
    blocking::{Block, Shut},
    change::{Change, Departed},
    config::SqliteConfig,
    error::StoreError,
    model::{ChatFlags, ChatRecord, Member, Membership, Room},
};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How a transaction that writes begins.
const WRITE: &str = "BEGIN IMMEDIATE";

/// Rooms in one SQLite file, for one process.
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    /// Held by a claim of notices: no transaction stays open while history is asked.
    claim: Arc<Mutex<()>>,
}

impl SqliteStore {
    /// Opens the file, making it if need be, and brings the tables up to date.
    pub async fn open(url: &str, config: &SqliteConfig) -> Result<Self> {
        let options: SqliteConnectOptions = url
            .parse()
            .map_err(|_| StoreError::Setup("the database's address is malformed".to_owned()))?;
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(config.busy_timeout);
        let pool = SqlitePoolOptions::new()
            .acquire_timeout(config.busy_timeout)
            .idle_timeout(None)
            .max_lifetime(None);
        let writer = pool.clone().max_connections(1).connect_with(options.clone()).await?;
        MIGRATIONS.run(&writer).await.map_err(|error| StoreError::Setup(error.to_string()))?;
        let readers = pool
            .max_connections(config.readers_max)
            .connect_with(options.pragma("query_only", "on"))
            .await?;
        Ok(Self { writer, readers, claim: Arc::default() })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn find_direct(&self, low: &UserId, high: &UserId) -> Result<Option<Room>> {
        reads::find_direct(&self.readers, low, high).await
    }

    async fn open_direct(&self, new: &NewDirect) -> Result<Made> {
        create::open_direct(&self.writer, new).await
    }

    async fn set_block(&self, block: &Block) -> Result<Shut> {
        block::set(&self.writer, block).await
    }

    async fn create_room(&self, new: &NewRoom) -> Result<Made> {
        create::create_room(&self.writer, new).await
    }

    async fn forget_requests(&self, before: Timestamp, limit: u32) -> Result<u64> {
        create::forget_requests(&self.writer, before, limit).await
    }

    async fn change(&self, change: &Change) -> Result<Changed> {
        change::change(&self.writer, change).await
    }

    async fn room_of(&self, user: &UserId, room: RoomId) -> Result<Option<(Room, Role)>> {
        reads::room_of(&self.readers, user, room).await
    }

    async fn members(&self, room: RoomId, page: &Page<MemberPlace>) -> Result<Vec<Member>> {
        reads::members(&self.readers, room, page).await
    }

    async fn membership(&self, user: &UserId, room: RoomId) -> Result<Option<Membership>> {
        let user = std::slice::from_ref(user);
        Ok(reads::memberships_in(&self.readers, room, user).await?.pop())
    }

    async fn memberships(&self, user: &UserId, page: &Page<JoinPlace>) -> Result<Vec<Membership>> {
        reads::memberships(&self.readers, user, page).await
    }

    async fn versions(&self, users: &[UserId]) -> Result<Vec<(UserId, u64)>> {
        reads::versions(&self.readers, users).await
    }

    async fn acquainted(&self, pairs: &[(UserId, UserId)]) -> Result<Vec<usize>> {
        reads::acquainted(&self.readers, pairs).await
    }

    async fn direct_rooms(&self, pairs: &[(UserId, UserId)]) -> Result<Vec<(usize, RoomId)>> {
        reads::direct_rooms(&self.readers, pairs).await
    }

    async fn set_departure(&self, room: RoomId, departed: &Departed) -> Result<()> {
        depart::set(&self.writer, room, departed).await
    }

    async fn users_after(&self, page: &Page<UserId>) -> Result<Vec<UserId>> {
        reads::users_after(&self.readers, page).await
    }

    async fn part(&self, ghost: &UserId, room: RoomId) -> Result<()> {
        depart::part(&self.writer, ghost, room).await
    }

    async fn chat_records(&self, wish: &ChatWish) -> Result<Vec<ChatRecord>> {
        reads::chat_records(&self.readers, wish).await
    }

    async fn set_flags(&self, wish: &FlagWish) -> Result<Option<ChatFlags>> {
        write::set_flags(&self.writer, wish).await
    }

    async fn mark_read(&self, markers: &[Marker]) -> Result<Vec<Marked>> {
        write::mark_read(&self.writer, markers).await
    }

    async fn progress(&self, room: RoomId, limit: u32) -> Result<Vec<Progress>> {
        reads::progress(&self.readers, room, limit).await
    }

    async fn members_among(&self, room: RoomId, users: &[UserId]) -> Result<Vec<UserId>> {
        reads::members_among(&self.readers, room, users).await
    }

    async fn public_rooms(&self, wish: &PublicWish) -> Result<Vec<Room>> {
        reads::public_rooms(&self.readers, wish).await
    }

    async fn claim_notices(
        &self,
        rooms_max: u32,
        notices_max: u32,
    ) -> Result<Box<dyn NoticeClaim>> {
        let held = Arc::clone(&self.claim).try_lock_owned().ok();
        let wish = notices::ClaimWish { rooms_max, notices_max, held };
        notices::claim(&self.readers, &self.writer, wish).await
    }

    async fn backlog(&self) -> Result<Backlog> {
        notices::backlog(&self.readers).await
    }

    async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }
}

/// Ids as one JSON parameter for `json_each`.
fn json_texts(users: &[UserId]) -> String {
    serde_json::json!(users).to_string()
}
