//! Sessions and their refresh tokens. Whoever opens or ends sessions of a user takes the user's turn
//! first, so that these happen one after the other.

use hubbub_domain::{Timestamp, UserId};

use super::{
    super::{
        Ban, Exchange, NewSession, Opened, Result, Spent,
        rows::{SessionRow, convert, json_texts, parse},
    },
    Connection, people,
};
use crate::model::{SessionId, TokenHash};

pub(super) async fn open(connection: &mut Connection, new: &NewSession) -> Result<Opened> {
    let proven = sqlx::query(
        "UPDATE users SET turns = turns + 1
         WHERE user_id = $1 AND banned_at_us IS NULL
           AND (expires_at_us IS NULL OR expires_at_us > $2)
           AND ($3 = '' OR password = $3)",
    )
    .bind(new.user.as_str())
    .bind(new.at.as_micros())
    .bind(new.proof.as_deref().unwrap_or_default())
    .execute(&mut *connection)
    .await?;
    if proven.rows_affected() == 0 {
        return refused(connection, &new.user).await;
    }
    insert(connection, new).await?;
    let rows: Vec<SessionRow> = sqlx::query_as(
        "UPDATE sessions SET revoked_at_us = $2, expires_at_us = $2
         WHERE user_id = $1 AND revoked_at_us IS NULL AND session_id NOT IN
             (SELECT session_id FROM sessions WHERE user_id = $1 AND revoked_at_us IS NULL
              ORDER BY used_at_us DESC, created_at_us DESC, session_id LIMIT $3)
         RETURNING session_id, user_id",
    )
    .bind(new.user.as_str())
    .bind(new.at.as_micros())
    .bind(i64::from(new.sessions_max))
    .fetch_all(connection)
    .await?;
    let ended: Vec<(SessionId, UserId)> = convert(rows)?;
    Ok(Opened::Open { ended: ended.into_iter().map(|(session, _)| session).collect() })
}

/// Why no session is opened.
async fn refused(connection: &mut Connection, user: &UserId) -> Result<Opened> {
    let known = people::credentials(connection, user).await?;
    let banned = known.is_some_and(|known| known.banned);
    Ok(if banned { Opened::Banned } else { Opened::Refused })
}

async fn insert(connection: &mut Connection, new: &NewSession) -> Result<()> {
    sqlx::query(
        "INSERT INTO sessions (session_id, user_id, created_at_us, used_at_us, expires_at_us)
         VALUES ($1, $2, $3, $3, $4)",
    )
    .bind(new.id.to_string())
    .bind(new.user.as_str())
    .bind(new.at.as_micros())
    .bind(new.expires_at.as_micros())
    .execute(&mut *connection)
    .await?;
    insert_token(connection, new.id, new.token).await
}

async fn insert_token(
    connection: &mut Connection,
    session: SessionId,
    token: TokenHash,
) -> Result<()> {
    sqlx::query("INSERT INTO refresh_tokens (token_hash, session_id) VALUES ($1, $2)")
        .bind(token.as_bytes())
        .bind(session.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn change_password(
    connection: &mut Connection,
    new: &NewSession,
    password: &str,
) -> Result<Opened> {
    let changed = sqlx::query(
        "UPDATE users SET password = $3, turns = turns + 1
         WHERE user_id = $1 AND password = $2 AND banned_at_us IS NULL",
    )
    .bind(new.user.as_str())
    .bind(new.proof.as_deref())
    .bind(password)
    .execute(&mut *connection)
    .await?;
    if changed.rows_affected() == 0 {
        return refused(connection, &new.user).await;
    }
    end_all(connection, &new.user, new.at).await?;
    let new = NewSession { proof: Some(password.to_owned()), ..new.clone() };
    open(connection, &new).await
}

/// To be committed unless it answers `Unknown` or `Banned`.
pub(super) async fn spend(connection: &mut Connection, exchange: &Exchange) -> Result<Spent> {
    let Some((session, first)) = take_token(connection, exchange).await? else {
        return Ok(Spent::Unknown);
    };
    let user: Option<(String,)> = sqlx::query_as(
        "UPDATE sessions SET used_at_us = $2
         WHERE session_id = $1 AND revoked_at_us IS NULL AND expires_at_us > $2
         RETURNING user_id",
    )
    .bind(session.to_string())
    .bind(exchange.at.as_micros())
    .fetch_optional(&mut *connection)
    .await?;
    let Some((user,)) = user else { return ended(connection, session).await };
    let user: UserId = parse(&user, "a user id")?;
    if !first {
        end(connection, (&user, session), exchange.at).await?;
        return Ok(Spent::Reused { user, session });
    }
    let Some(known) = people::credentials(connection, &user).await? else {
        return Ok(Spent::Unknown);
    };
    let gone = known.user.expires_at.is_some_and(|expires_at| expires_at <= exchange.at);
    if known.banned {
        return Ok(Spent::Banned);
    }
    if gone {
        return Ok(Spent::Unknown);
    }
    let expires_at = exchange.expires_at.min(known.user.expires_at.unwrap_or(exchange.expires_at));
    sqlx::query("UPDATE sessions SET expires_at_us = $2 WHERE session_id = $1")
        .bind(session.to_string())
        .bind(expires_at.as_micros())
        .execute(&mut *connection)
        .await?;
    insert_token(connection, session, exchange.successor).await?;
    Ok(Spent::Renewed { user: known.user, session, expires_at })
}

/// Why the token of a session that has ended is refused.
async fn ended(connection: &mut Connection, session: SessionId) -> Result<Spent> {
    let banned: Option<(bool,)> = sqlx::query_as(
        "SELECT u.banned_at_us IS NOT NULL FROM sessions s JOIN users u ON u.user_id = s.user_id
         WHERE s.session_id = $1",
    )
    .bind(session.to_string())
    .fetch_optional(connection)
    .await?;
    Ok(if banned == Some((true,)) { Spent::Banned } else { Spent::Unknown })
}

/// The token's session, and whether it may be spent: for the first time, or again within its grace.
async fn take_token(
    connection: &mut Connection,
    exchange: &Exchange,
) -> Result<Option<(SessionId, bool)>> {
    let taken: Option<(String,)> = sqlx::query_as(
        "UPDATE refresh_tokens SET spent_at_us = $2
         WHERE token_hash = $1 AND spent_at_us IS NULL RETURNING session_id",
    )
    .bind(exchange.token.as_bytes())
    .bind(exchange.at.as_micros())
    .fetch_optional(&mut *connection)
    .await?;
    if let Some((session,)) = taken {
        return Ok(Some((parse(&session, "a session id")?, true)));
    }
    let spent: Option<(String, Option<i64>)> =
        sqlx::query_as("SELECT session_id, spent_at_us FROM refresh_tokens WHERE token_hash = $1")
            .bind(exchange.token.as_bytes())
            .fetch_optional(connection)
            .await?;
    let Some((session, spent_at)) = spent else { return Ok(None) };
    let again = spent_at
        .zip(exchange.spent_since)
        .is_some_and(|(spent_at, since)| spent_at >= since.as_micros());
    Ok(Some((parse(&session, "a session id")?, again)))
}

pub(super) async fn end(
    connection: &mut Connection,
    (user, session): (&UserId, SessionId),
    at: Timestamp,
) -> Result<bool> {
    let ended = sqlx::query(
        "UPDATE sessions SET revoked_at_us = $3, expires_at_us = $3
         WHERE session_id = $1 AND user_id = $2 AND revoked_at_us IS NULL",
    )
    .bind(session.to_string())
    .bind(user.as_str())
    .bind(at.as_micros())
    .execute(connection)
    .await?;
    Ok(ended.rows_affected() > 0)
}

pub(super) async fn end_all(
    connection: &mut Connection,
    user: &UserId,
    at: Timestamp,
) -> Result<bool> {
    let there =
        sqlx::query("UPDATE users SET not_before_us = $2, turns = turns + 1 WHERE user_id = $1")
            .bind(user.as_str())
            .bind(at.as_micros())
            .execute(&mut *connection)
            .await?;
    sqlx::query(
        "UPDATE sessions SET revoked_at_us = $2, expires_at_us = $2
         WHERE user_id = $1 AND revoked_at_us IS NULL",
    )
    .bind(user.as_str())
    .bind(at.as_micros())
    .execute(connection)
    .await?;
    Ok(there.rows_affected() > 0)
}

pub(super) async fn set_ban(
    connection: &mut Connection,
    (user, ban): (&UserId, Ban),
    at: Timestamp,
) -> Result<bool> {
    let banned_at = (ban == Ban::Banned).then(|| at.as_micros());
    let there =
        sqlx::query("UPDATE users SET banned_at_us = $2, turns = turns + 1 WHERE user_id = $1")
            .bind(user.as_str())
            .bind(banned_at)
            .execute(&mut *connection)
            .await?;
    if ban == Ban::Banned {
        end_all(connection, user, at).await?;
    }
    Ok(there.rows_affected() > 0)
}

pub(super) async fn still_open(
    connection: &mut Connection,
    sessions: &[SessionId],
    at: Timestamp,
) -> Result<Vec<(SessionId, UserId)>> {
    let rows: Vec<SessionRow> = sqlx::query_as(concat!(
        "SELECT session_id, user_id FROM sessions
         WHERE revoked_at_us IS NULL AND expires_at_us > $2 AND session_id IN ",
        listed!("$1")
    ))
    .bind(json_texts(sessions))
    .bind(at.as_micros())
    .fetch_all(connection)
    .await?;
    convert(rows)
}

/// Sessions that ended, with their tokens.
pub(super) async fn forget(
    connection: &mut Connection,
    before: Timestamp,
    limit: u32,
) -> Result<()> {
    sqlx::query(
        "DELETE FROM sessions WHERE session_id IN
         (SELECT session_id FROM sessions WHERE expires_at_us < $1
          ORDER BY expires_at_us LIMIT $2)",
    )
    .bind(before.as_micros())
    .bind(i64::from(limit))
    .execute(connection)
    .await?;
    Ok(())
}
