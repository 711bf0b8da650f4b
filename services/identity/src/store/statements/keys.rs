//! Signing keys.

use super::{
    super::{Result, rows::KeyRow},
    Connection,
};
use crate::keys::StoredKey;

/// Nobody else turns the keys until the transaction ends.
pub(super) async fn lock(connection: &mut Connection) -> Result<()> {
    sqlx::query("UPDATE key_ring SET turns = turns + 1 WHERE ring_id = 1")
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn all(connection: &mut Connection) -> Result<Vec<StoredKey>> {
    let rows: Vec<KeyRow> = sqlx::query_as(
        "SELECT key_id, pkcs8, active_from_us FROM signing_keys ORDER BY active_from_us, key_id",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(StoredKey::from).collect())
}

pub(super) async fn turn(
    connection: &mut Connection,
    made: Option<&StoredKey>,
    forgotten: &[String],
) -> Result<()> {
    for id in forgotten {
        sqlx::query("DELETE FROM signing_keys WHERE key_id = $1")
            .bind(id)
            .execute(&mut *connection)
            .await?;
    }
    if let Some(key) = made {
        sqlx::query("INSERT INTO signing_keys (key_id, pkcs8, active_from_us) VALUES ($1, $2, $3)")
            .bind(&key.id)
            .bind(&key.pkcs8)
            .bind(key.active_from.as_micros())
            .execute(connection)
            .await?;
    }
    Ok(())
}
