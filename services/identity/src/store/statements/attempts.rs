//! Counting attempts: a leaky bucket per key, kept as the moment when it is empty again (the generic
//! cell rate algorithm, ITU-T I.371).

use std::time::Duration;

use hubbub_domain::Timestamp;

use super::{
    super::{Attempt, Result},
    Connection,
};

pub(super) async fn count(
    connection: &mut Connection,
    attempt: &Attempt<'_>,
) -> Result<Option<Duration>> {
    let every = micros(attempt.every);
    let depth = every.saturating_mul(i64::from(attempt.burst));
    let now = attempt.at.as_micros();
    let counted: Option<(i64,)> = sqlx::query_as(
        "INSERT INTO attempts (attempt_key, empty_at_us) VALUES ($1, $2 + $3)
         ON CONFLICT (attempt_key) DO UPDATE
         SET empty_at_us =
             (CASE WHEN attempts.empty_at_us > $2 THEN attempts.empty_at_us ELSE $2 END) + $3
         WHERE (CASE WHEN attempts.empty_at_us > $2 THEN attempts.empty_at_us ELSE $2 END) + $3 - $2
             <= $4
         RETURNING empty_at_us",
    )
    .bind(attempt.key)
    .bind(now)
    .bind(every)
    .bind(depth)
    .fetch_optional(&mut *connection)
    .await?;
    if counted.is_some() {
        return Ok(None);
    }
    let (empty_at,): (i64,) =
        sqlx::query_as("SELECT empty_at_us FROM attempts WHERE attempt_key = $1")
            .bind(attempt.key)
            .fetch_one(connection)
            .await?;
    let wait = empty_at.saturating_add(every).saturating_sub(depth).saturating_sub(now);
    Ok(Some(Duration::from_micros(u64::try_from(wait.max(1_000)).unwrap_or(1_000))))
}

pub(super) async fn forgive(connection: &mut Connection, key: &str) -> Result<()> {
    sqlx::query("DELETE FROM attempts WHERE attempt_key = $1")
        .bind(key)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn forget(
    connection: &mut Connection,
    before: Timestamp,
    limit: u32,
) -> Result<()> {
    sqlx::query(
        "DELETE FROM attempts WHERE attempt_key IN
         (SELECT attempt_key FROM attempts WHERE empty_at_us < $1 LIMIT $2)",
    )
    .bind(before.as_micros())
    .bind(i64::from(limit))
    .execute(connection)
    .await?;
    Ok(())
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}
