//! People and their names.

use std::collections::BTreeMap;

use hubbub_domain::{Timestamp, UserId};

use super::{
    super::{
        Made, NewUser, ProfileChange, Result, Search, Standing, prefix_end,
        rows::{CredentialsRow, MeRow, StandingRow, UserRow, convert, json_texts, user_columns},
    },
    Connection,
};
use crate::{
    model::{Credentials, User},
    policy::{Audience, Settings},
};

/// To be committed only when it answers `New`.
pub(super) async fn make_user(connection: &mut Connection, new: &NewUser) -> Result<Made> {
    sqlx::query("DELETE FROM names WHERE skeleton = $1 AND expires_at_us <= $2")
        .bind(&new.skeleton)
        .bind(new.user.created_at.as_micros())
        .execute(&mut *connection)
        .await?;
    if insert_user(connection, new).await? && claim_name(connection, new).await? {
        return Ok(Made::New);
    }
    Ok(Made::Taken)
}

pub(super) async fn meet(connection: &mut Connection, users: &[NewUser]) -> Result<()> {
    // In one order, so that two who meet the same people do not wait for each other.
    let users: BTreeMap<&UserId, &NewUser> = users.iter().map(|new| (&new.user.id, new)).collect();
    for new in users.into_values() {
        if insert_user(connection, new).await? {
            // Taken or not: they are who they are.
            claim_name(connection, new).await?;
        }
    }
    Ok(())
}

async fn insert_user(connection: &mut Connection, new: &NewUser) -> Result<bool> {
    let user = &new.user;
    let done = sqlx::query(
        "INSERT INTO users (user_id, kind, name, display_name, colour, avatar_url, password,
                            created_at_us, expires_at_us)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
    )
    .bind(user.id.as_str())
    .bind(user.kind.as_str())
    .bind(&user.name)
    .bind(&user.display_name)
    .bind(&user.colour)
    .bind(&user.avatar_url)
    .bind(new.password.as_deref())
    .bind(user.created_at.as_micros())
    .bind(user.expires_at.map(Timestamp::as_micros))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

async fn claim_name(connection: &mut Connection, new: &NewUser) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO names (skeleton, user_id, expires_at_us) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING",
    )
    .bind(&new.skeleton)
    .bind(new.user.id.as_str())
    .bind(new.user.expires_at.map(Timestamp::as_micros))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn credentials(
    connection: &mut Connection,
    user: &UserId,
) -> Result<Option<Credentials>> {
    let row: Option<CredentialsRow> = sqlx::query_as(concat!(
        "SELECT ",
        user_columns!(),
        ", u.password, u.banned_at_us FROM users u WHERE u.user_id = $1"
    ))
    .bind(user.as_str())
    .fetch_optional(connection)
    .await?;
    row.map(Credentials::try_from).transpose()
}

pub(super) async fn users(connection: &mut Connection, users: &[UserId]) -> Result<Vec<User>> {
    let rows: Vec<UserRow> = sqlx::query_as(concat!(
        "SELECT ",
        user_columns!(),
        "FROM users u WHERE u.user_id IN ",
        listed!("$1")
    ))
    .bind(json_texts(users))
    .fetch_all(connection)
    .await?;
    convert(rows)
}

pub(super) async fn standings(
    connection: &mut Connection,
    users: &[UserId],
) -> Result<Vec<Standing>> {
    let rows: Vec<StandingRow> = sqlx::query_as(concat!(
        "SELECT user_id, banned_at_us, not_before_us, expires_at_us
         FROM users WHERE user_id IN ",
        listed!("$1")
    ))
    .bind(json_texts(users))
    .fetch_all(connection)
    .await?;
    convert(rows)
}

pub(super) async fn update_profile(
    connection: &mut Connection,
    user: &UserId,
    change: &ProfileChange,
) -> Result<()> {
    sqlx::query(
        "UPDATE users SET display_name = COALESCE($2, display_name), colour = COALESCE($3, colour),
                          avatar_url = COALESCE($4, avatar_url),
                          groups_from = COALESCE($5, groups_from),
                          presence_to = COALESCE($6, presence_to)
         WHERE user_id = $1",
    )
    .bind(user.as_str())
    .bind(change.display_name.as_deref())
    .bind(change.colour.as_deref())
    .bind(change.avatar_url.as_deref())
    .bind(change.groups_from.map(Audience::as_str))
    .bind(change.presence_to.map(Audience::as_str))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn me(
    connection: &mut Connection,
    user: &UserId,
) -> Result<Option<(User, Settings)>> {
    let row: Option<MeRow> = sqlx::query_as(concat!(
        "SELECT ",
        user_columns!(),
        ", u.groups_from, u.presence_to FROM users u WHERE u.user_id = $1"
    ))
    .bind(user.as_str())
    .fetch_optional(connection)
    .await?;
    row.map(TryInto::try_into).transpose()
}

pub(super) async fn search(connection: &mut Connection, wish: &Search) -> Result<Vec<User>> {
    let (name, id) = wish.after.as_ref().map_or(("", ""), |(name, id)| (name, id));
    let rows: Vec<UserRow> = sqlx::query_as(concat!(
        "SELECT ",
        user_columns!(),
        "FROM users u
         WHERE u.name >= $1 AND u.name < $2 AND (u.name, u.user_id) > ($3, $4)
           AND u.banned_at_us IS NULL AND (u.expires_at_us IS NULL OR u.expires_at_us > $5)
         ORDER BY u.name, u.user_id LIMIT $6"
    ))
    .bind(&wish.prefix)
    .bind(prefix_end(&wish.prefix))
    .bind(name)
    .bind(id)
    .bind(wish.at.as_micros())
    .bind(i64::from(wish.limit))
    .fetch_all(connection)
    .await?;
    convert(rows)
}

/// Names of guests that expired; those guests stay, for who reads what they said.
pub(super) async fn forget_names(
    connection: &mut Connection,
    before: Timestamp,
    limit: u32,
) -> Result<()> {
    sqlx::query(
        "DELETE FROM names WHERE skeleton IN
         (SELECT skeleton FROM names WHERE expires_at_us < $1 LIMIT $2)",
    )
    .bind(before.as_micros())
    .bind(i64::from(limit))
    .execute(connection)
    .await?;
    Ok(())
}
