//! Which server this history is on. The rules stand in `migrations/postgres/0030_epochs.sql`: the
//! database compares its server with that of the epoch, in the statement that needs to know.

use hubbub_domain::RoomId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::kept::Kept;
use crate::{
    metrics,
    store::{Cause, StoreError, Survived, record::SurvivedRow},
};

/// Begins an epoch if the server needs one. Fails on a standby.
pub(super) async fn enter(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let entered: String = sqlx::query_scalar("SELECT history.enter_server_v1($1)")
        .bind(Uuid::new_v4())
        .fetch_one(connection)
        .await?;
    match entered.as_str() {
        "standby" => Err(hubbub_postgres::standby()),
        "begun" => {
            metrics::epoch_begun();
            tracing::warn!(
                "the Postgres server is another one than before: a new epoch begins, and clients that \
                 have seen changes which it does not have are reset"
            );
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The server's epoch.
pub(super) async fn current(connection: &mut PgConnection) -> Result<Uuid, StoreError> {
    let epoch: Option<Uuid> =
        sqlx::query_scalar("SELECT epoch FROM history.current").fetch_one(connection).await?;
    epoch.ok_or(StoreError::OtherServer)
}

pub(super) async fn epoch(kept: &Kept) -> Result<Uuid, StoreError> {
    let mut lease = kept.take().await?;
    let found =
        sqlx::query_scalar("SELECT epoch FROM history.current").fetch_one(lease.connection()).await;
    let epoch: Option<Uuid> = lease.settle(found)?;
    epoch.ok_or(StoreError::OtherServer)
}

pub(super) async fn begin(pool: &PgPool, cause: Cause) -> Result<Uuid, StoreError> {
    let epoch = Uuid::new_v4();
    sqlx::query(
        "WITH begun AS (
             UPDATE history.meta SET
                 epoch = $1, number = number + 1,
                 oldest_number = CASE WHEN $2 THEN number + 1 ELSE oldest_number END
             RETURNING epoch, number, system_identifier, timeline
         )
         INSERT INTO history.epochs (epoch, number, system_identifier, timeline)
         SELECT * FROM begun",
    )
    .bind(epoch)
    .bind(cause == Cause::Restored)
    .execute(pool)
    .await?;
    Ok(epoch)
}

pub(super) async fn survived(
    kept: &Kept,
    epoch: Uuid,
    rooms: &[RoomId],
) -> Result<Survived, StoreError> {
    let mut lease = kept.take().await?;
    let rows = sqlx::query_as(include_str!("survived.sql"))
        .bind(rooms.iter().map(RoomId::as_uuid).collect::<Vec<_>>())
        .bind(epoch)
        .fetch_all(lease.connection())
        .await;
    SurvivedRow::survived(&lease.settle(rows)?)
}
