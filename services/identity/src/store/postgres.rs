//! The Postgres adapter. Everything is in the schema `identity`, which is the search path of every
//! connection.

use sqlx::{
    Connection as _, PgConnection, PgPool,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::Result;
use crate::{config::PostgresConfig, error::StoreError, metrics};

/// The texts of a JSON parameter as rows.
macro_rules! listed {
    ($list:literal) => {
        concat!("(SELECT value FROM json_array_elements_text(", $list, "::json))")
    };
}

/// The pairs of texts of a JSON parameter as rows.
macro_rules! paired {
    ($list:literal) => {
        concat!(
            "(SELECT place - 1 AS place, value ->> 0 AS one, value ->> 1 AS other
              FROM json_array_elements(",
            $list,
            "::json) WITH ORDINALITY pairs (value, place))"
        )
    };
}

#[path = "statements/adapter.rs"]
mod adapter;
#[path = "statements/attempts.rs"]
mod attempts;
#[path = "statements/contacts.rs"]
mod contacts;
#[path = "statements/keys.rs"]
mod keys;
#[path = "statements/people.rs"]
mod people;
#[path = "statements/sessions.rs"]
mod sessions;

type Database = sqlx::Postgres;
type Connection = PgConnection;
type Adapter = PostgresStore;

/// People in Postgres 15 or newer.
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
        let options =
            options.application_name("hubbub-identity").options([("search_path", "identity")]);
        if config.migrate_on_start {
            tokio::time::timeout(config.migration_timeout, migrate(&options)).await.map_err(
                |_| StoreError::Setup("the migrations did not end in time".to_owned()),
            )??;
        }
        let options = options
            .options([("statement_timeout", config.statement_timeout.as_millis().to_string())]);
        let pool = hubbub_postgres::guarded(PgPoolOptions::new())
            .max_connections(config.connections_max)
            .acquire_timeout(config.acquire_timeout)
            .connect_with(options)
            .await?;
        Ok(Self { pool })
    }

    async fn begin(&self) -> Result<sqlx::Transaction<'static, Database>> {
        Ok(self.pool.begin().await?)
    }

    /// Brings the metrics of the pool up to date.
    fn observe(&self) {
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(0);
        metrics::pool([self.pool.size(), idle], self.pool.options().get_max_connections());
    }

    async fn reader(&self) -> Result<PoolConnection<Database>> {
        Ok(self.pool.acquire().await?)
    }
}

/// On a connection of its own, where waiting for another instance's migrations is not cut short.
async fn migrate(options: &PgConnectOptions) -> Result<()> {
    let mut migrator = sqlx::migrate!("migrations/postgres");
    migrator.create_schema("identity");
    migrator.dangerous_set_table_name("identity._sqlx_migrations");
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
