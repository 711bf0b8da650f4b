//! The Postgres adapter. Everything is in the schema `room`; writes go out in batches (`UNNEST`),
//! so that a call costs a fixed number of statements however many people it is about.

mod block;
mod change;
mod create;
mod depart;
mod notices;
mod reads;
mod write;

use async_trait::async_trait;
use hubbub_domain::{Role, RoomId, Timestamp, UserId};
use sqlx::{
    Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    Backlog, Changed, ChatWish, FlagWish, JoinPlace, Made, Marked, Marker, MemberPlace, NewDirect,
    NewRoom, NoticeClaim, Page, Progress, PublicWish, Result, Store,
};
use crate::{
    blocking::{Block, Shut},
    change::{Change, Departed},
    config::PostgresConfig,
    error::StoreError,
    metrics,
    model::{ChatFlags, ChatRecord, Member, Membership, Room},
};

/// Rooms in Postgres 15 or newer.
pub struct PostgresStore {
    pool: PgPool,
}

impl PostgresStore {
    /// Brings the schema up to date (unless told not to) and opens the pool. Several instances may
    /// do so at once.
    pub async fn open(url: &str, config: &PostgresConfig) -> Result<Self> {
        let options: PgConnectOptions = url
            .parse()
            .map_err(|_| StoreError::Setup("the database's address is malformed".to_owned()))?;
        let options = options.application_name("hubbub-room");
        if config.migrate_on_start {
            tokio::time::timeout(config.migration_timeout, migrate(&options)).await.map_err(
                |_| StoreError::Setup("the migrations did not end in time".to_owned()),
            )??;
        }
        let options = options.options([
            ("statement_timeout", config.statement_timeout.as_millis().to_string()),
            ("idle_in_transaction_session_timeout", config.claim_timeout.as_millis().to_string()),
        ]);
        let pool = hubbub_postgres::guarded(PgPoolOptions::new())
            .max_connections(config.connections_max)
            .acquire_timeout(config.acquire_timeout)
            .connect_with(options)
            .await?;
        Ok(Self { pool })
    }
}

/// On a connection of its own, where waiting for another instance's migrations is not cut short.
async fn migrate(options: &PgConnectOptions) -> Result<()> {
    let mut migrator = sqlx::migrate!("migrations/postgres");
    migrator.create_schema("room");
    migrator.dangerous_set_table_name("room._sqlx_migrations");
    // An instance of the last release may start on a database that the next one has migrated.
    migrator.set_ignore_missing(true);
    let mut connection = PgConnection::connect_with(options).await?;
    migrator
        .run(&mut connection)
        .await
        .map_err(|error| StoreError::Setup(format!("the migrations do not apply: {error}")))?;
    connection.close().await?;
    Ok(())
}

#[async_trait]
impl Store for PostgresStore {
    async fn find_direct(&self, low: &UserId, high: &UserId) -> Result<Option<Room>> {
        reads::find_direct(&self.pool, low, high).await
    }

    async fn open_direct(&self, new: &NewDirect) -> Result<Made> {
        create::open_direct(&self.pool, new).await
    }

    async fn set_block(&self, block: &Block) -> Result<Shut> {
        block::set(&self.pool, block).await
    }

    async fn create_room(&self, new: &NewRoom) -> Result<Made> {
        create::create_room(&self.pool, new).await
    }

    async fn forget_requests(&self, before: Timestamp, limit: u32) -> Result<u64> {
        create::forget_requests(&self.pool, before, limit).await
    }

    async fn change(&self, change: &Change) -> Result<Changed> {
        change::change(&self.pool, change).await
    }

    async fn room_of(&self, user: &UserId, room: RoomId) -> Result<Option<(Room, Role)>> {
        reads::room_of(&self.pool, user, room).await
    }

    async fn members(&self, room: RoomId, page: &Page<MemberPlace>) -> Result<Vec<Member>> {
        reads::members(&self.pool, room, page).await
    }

    async fn membership(&self, user: &UserId, room: RoomId) -> Result<Option<Membership>> {
        let mut found = reads::memberships_in(&self.pool, room, std::slice::from_ref(user)).await?;
        Ok(found.pop())
    }

    async fn memberships(&self, user: &UserId, page: &Page<JoinPlace>) -> Result<Vec<Membership>> {
        reads::memberships(&self.pool, user, page).await
    }

    async fn versions(&self, users: &[UserId]) -> Result<Vec<(UserId, u64)>> {
        reads::versions(&self.pool, users).await
    }

    async fn acquainted(&self, pairs: &[(UserId, UserId)]) -> Result<Vec<usize>> {
        reads::acquainted(&self.pool, pairs).await
    }

    async fn direct_rooms(&self, pairs: &[(UserId, UserId)]) -> Result<Vec<(usize, RoomId)>> {
        reads::direct_rooms(&self.pool, pairs).await
    }

    async fn set_departure(&self, room: RoomId, departed: &Departed) -> Result<()> {
        depart::set(&self.pool, room, departed).await
    }

    async fn users_after(&self, page: &Page<UserId>) -> Result<Vec<UserId>> {
        reads::users_after(&self.pool, page).await
    }

    async fn part(&self, ghost: &UserId, room: RoomId) -> Result<()> {
        depart::part(&self.pool, ghost, room).await
    }

    async fn chat_records(&self, wish: &ChatWish) -> Result<Vec<ChatRecord>> {
        reads::chat_records(&self.pool, wish).await
    }

    async fn set_flags(&self, wish: &FlagWish) -> Result<Option<ChatFlags>> {
        write::set_flags(&self.pool, wish).await
    }

    async fn mark_read(&self, markers: &[Marker]) -> Result<Vec<Marked>> {
        write::mark_read(&self.pool, markers).await
    }

    async fn progress(&self, room: RoomId, limit: u32) -> Result<Vec<Progress>> {
        reads::progress(&self.pool, room, limit).await
    }

    async fn members_among(&self, room: RoomId, users: &[UserId]) -> Result<Vec<UserId>> {
        reads::members_among(&self.pool, room, users).await
    }

    async fn public_rooms(&self, wish: &PublicWish) -> Result<Vec<Room>> {
        reads::public_rooms(&self.pool, wish).await
    }

    async fn claim_notices(
        &self,
        rooms_max: u32,
        notices_max: u32,
    ) -> Result<Box<dyn NoticeClaim>> {
        notices::claim(&self.pool, rooms_max, notices_max).await
    }

    async fn backlog(&self) -> Result<Backlog> {
        let connections = [self.pool.size(), u32::try_from(self.pool.num_idle()).unwrap_or(0)];
        metrics::pool(connections, self.pool.options().get_max_connections());
        notices::backlog(&self.pool).await
    }

    async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }
}

/// Ids as a `text[]` parameter.
fn texts(users: &[UserId]) -> Vec<&str> {
    users.iter().map(UserId::as_str).collect()
}
