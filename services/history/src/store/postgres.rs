//! History in Postgres: schema `history`, messages hash-partitioned by room.
//!
//! A writer locks the heads of its rooms, in order of their ids, before it looks at anything else: that
//! makes places gapless across processes, and keeps writers from waiting for each other in a circle.
//! Every read is a single statement and so of one moment.

mod append;
mod change;
mod epochs;
mod kept;
mod outbox;
mod read;

use std::{str::FromStr as _, time::Duration};

use async_trait::async_trait;
use hubbub_domain::{Rev, RoomId, Seq, Timestamp, UserId};
use sqlx::{
    Connection as _, PgConnection, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

use kept::Kept;

use super::{
    Backlog, Batch, Cause, ChangeError, Changes, Claim, Committed, Deletion, Edit, EditsWish,
    Heads, Marker, OutboxId, Page, RankedRoom, Ranking, Reacting, Recorded, Senders, Store,
    StoreError, Survived, Version,
};
use crate::{config::PostgresConfig, metrics, rules::Window};

/// Above the times of its parts, so that they tell what went wrong.
const SPARE: Duration = Duration::from_secs(1);
/// How often an attempt is made when Postgres undid it in favour of another.
const ATTEMPTS_MAX: u32 = 4;

/// See the module.
#[derive(Debug)]
pub struct PostgresStore {
    /// For transactions.
    pool: PgPool,
    /// For single statements.
    kept: Kept,
    /// For one call, whatever happens to the network.
    patience: Duration,
}

impl PostgresStore {
    /// Brings the schema up to date (unless told not to) and opens the pool. Several instances may
    /// do so at once.
    pub async fn connect(url: &str, config: &PostgresConfig) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| StoreError::Defect("the database address is malformed".into()))?
            .application_name("hubbub-history");
        if config.migrate_on_start {
            migrate(&options, config.migration_timeout).await?;
        }

        let statement_timeout = config.statement_timeout;
        let options = options.options([
            ("statement_timeout", statement_timeout.as_millis().to_string()),
            ("idle_in_transaction_session_timeout", config.claim_timeout.as_millis().to_string()),
            // Every query goes by a key, and runs for less time than a compilation takes. A plan
            // that was made while the tables were small must not survive their growth.
            ("enable_seqscan", "off".to_owned()),
            ("jit", "off".to_owned()),
            // Planning a look-up in sixteen partitions takes longer than the look-up.
            ("plan_cache_mode", "force_generic_plan".to_owned()),
        ]);
        let pool = hubbub_postgres::guarded(PgPoolOptions::new())
            .max_connections(config.connections_max)
            .acquire_timeout(config.acquire_timeout)
            .after_connect(|connection, _| Box::pin(epochs::enter(connection)))
            .connect_with(options)
            .await?;
        let patience = config.acquire_timeout + statement_timeout + SPARE;
        // The other half is left to transactions.
        let kept = Kept::new(pool.clone(), config.connections_max as usize / 2);
        Ok(Self { pool, kept, patience })
    }

    /// Within the time-out, and again while Postgres undoes it in favour of another transaction, or
    /// once the server has begun its epoch.
    async fn call<T, E, F, R>(&self, attempt: F) -> Result<T, E>
    where
        E: Attempted,
        F: Fn() -> R + Send,
        R: Future<Output = Result<T, E>> + Send,
    {
        let mut attempts = 1;
        loop {
            let result =
                tokio::time::timeout(self.patience, attempt()).await.unwrap_or_else(|_| {
                    Err(StoreError::Unavailable("Postgres did not answer in time".into()).into())
                });
            match result {
                Err(error) if attempts < ATTEMPTS_MAX => match error.of_store() {
                    Some(StoreError::Contended) => attempts += 1,
                    Some(StoreError::OtherServer) => {
                        self.enter().await?;
                        attempts += 1;
                    }
                    _ => return Err(error),
                },
                result => return result,
            }
        }
    }

    /// The server behind the open connections became another one: begins its epoch.
    async fn enter(&self) -> Result<(), StoreError> {
        let enter = async {
            let mut connection = self.pool.acquire().await?;
            let entered = epochs::enter(&mut connection).await;
            if entered.is_err() {
                connection.close_on_drop();
            }
            Ok(entered?)
        };
        tokio::time::timeout(self.patience, enter).await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable("Postgres did not answer in time".into()))
        })
    }
}

async fn migrate(options: &PgConnectOptions, timeout: Duration) -> Result<(), StoreError> {
    let run = async {
        let mut connection = PgConnection::connect_with(options).await?;
        migrator().run(&mut connection).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) => error.into(),
            error => StoreError::Defect(format!("the migrations do not apply: {error}")),
        })?;
        connection.close().await?;
        Ok(())
    };
    tokio::time::timeout(timeout, run).await.unwrap_or_else(|_| {
        Err(StoreError::Unavailable("the migrations did not end in time".into()))
    })
}

fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("migrations/postgres");
    migrator.create_schema("history");
    migrator.dangerous_set_table_name("history._sqlx_migrations");
    // An instance of the last release may start on a database that the next one has migrated.
    migrator.set_ignore_missing(true);
    migrator
}

/// Errors of one attempt.
trait Attempted: From<StoreError> {
    /// What the store said, if it was the store.
    fn of_store(&self) -> Option<&StoreError>;
}

impl Attempted for StoreError {
    fn of_store(&self) -> Option<&StoreError> {
        Some(self)
    }
}

impl Attempted for ChangeError {
    fn of_store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Refused(_) | Self::Body(_) => None,
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn append(&self, batch: Batch<'_>) -> Result<Committed, StoreError> {
        let columns = append::Columns::of(batch.posts);
        self.call(|| append::append(&self.kept, &columns, batch)).await
    }

    async fn edit(&self, edit: &Edit) -> Result<Recorded, ChangeError> {
        self.call(|| change::edit(&self.pool, edit)).await
    }

    async fn delete(&self, deletion: &Deletion) -> Result<Recorded, ChangeError> {
        self.call(|| change::delete(&self.pool, deletion)).await
    }

    async fn react(&self, reacting: &Reacting) -> Result<Recorded, ChangeError> {
        self.call(|| change::react(&self.pool, reacting)).await
    }

    async fn page(&self, room: RoomId, window: Window) -> Result<Page, StoreError> {
        self.call(|| read::page(&self.kept, room, window)).await
    }

    async fn changes(&self, room: RoomId, after: Rev, limit: u32) -> Result<Changes, StoreError> {
        self.call(|| read::changes(&self.kept, room, after, limit)).await
    }

    async fn heads(&self, markers: &[Marker], user: Option<&UserId>) -> Result<Heads, StoreError> {
        self.call(|| read::heads(&self.kept, markers, user)).await
    }

    async fn edits(&self, wish: &EditsWish) -> Result<Vec<Version>, ChangeError> {
        self.call(|| read::edits(&self.kept, wish)).await
    }

    async fn senders(&self, room: RoomId, seq: Seq) -> Result<Option<Senders>, StoreError> {
        self.call(|| read::senders(&self.kept, room, seq)).await
    }

    async fn wrote(&self, senders: &[(RoomId, UserId)]) -> Result<Vec<usize>, StoreError> {
        self.call(|| read::wrote(&self.kept, senders)).await
    }

    async fn rank(&self, ranking: &Ranking) -> Result<Vec<RankedRoom>, StoreError> {
        self.call(|| read::rank(&self.kept, ranking)).await
    }

    async fn epoch(&self) -> Result<Uuid, StoreError> {
        self.call(|| epochs::epoch(&self.kept)).await
    }

    async fn new_epoch(&self, cause: Cause) -> Result<Uuid, StoreError> {
        self.call(|| epochs::begin(&self.pool, cause)).await
    }

    async fn survived(&self, epoch: Uuid, rooms: &[RoomId]) -> Result<Survived, StoreError> {
        self.call(|| epochs::survived(&self.kept, epoch, rooms)).await
    }

    async fn claim(&self, before: Timestamp, rows_max: u32) -> Result<Box<dyn Claim>, StoreError> {
        self.call(|| outbox::claim(&self.pool, before, rows_max)).await
    }

    async fn finish(&self, rows: &[OutboxId]) -> Result<(), StoreError> {
        self.call(|| outbox::finish(&self.pool, rows)).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        let connections = [self.pool.size(), u32::try_from(self.pool.num_idle()).unwrap_or(0)];
        metrics::pool(connections, self.pool.options().get_max_connections());
        self.call(|| outbox::backlog(&self.pool)).await
    }
}
