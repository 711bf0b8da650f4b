//! Contacts and blocks. Both people's turns are taken before anything is looked at, in the order of
//! their ids, so that two who ask each other at once become contacts.

use hubbub_domain::{Code, Fault, Timestamp, UserId};

use super::{
    super::{
        ContactPage, ContactWish, Page, Result, Wished, nobody,
        rows::{BlockRow, ContactRow, TieRow, UserRow, convert, json_texts, parse, user_columns},
    },
    Connection,
};
use crate::{
    contacts::{Link, Scene},
    model::{BlockNotice, User},
    policy::Tie,
};

pub(super) async fn wish(connection: &mut Connection, wish: &ContactWish) -> Result<Wished> {
    let mut both = [&wish.actor, &wish.peer];
    both.sort_unstable();
    for user in both {
        let there = sqlx::query("UPDATE users SET turns = turns + 1 WHERE user_id = $1")
            .bind(user.as_str())
            .execute(&mut *connection)
            .await?;
        if there.rows_affected() == 0 {
            return Err(nobody().into());
        }
    }
    let before = look(connection, &wish.actor, &wish.peer).await?;
    let after = before.after(wish.wish)?;
    if before.link.is_none() && after.link.is_some() {
        for user in [&wish.actor, &wish.peer] {
            check_room(connection, user, wish.contacts_max).await?;
        }
    }
    if before.link != after.link {
        set_link(connection, wish, after.link).await?;
    }
    if before.blocks != after.blocks {
        set_block(connection, wish, after.blocks).await?;
    }
    if before.declines != after.declines {
        set_decline(connection, wish, after.declines).await?;
    }
    Ok(Wished { before, after })
}

async fn look(connection: &mut Connection, actor: &UserId, peer: &UserId) -> Result<Scene> {
    let link: Option<(String,)> =
        sqlx::query_as("SELECT state FROM contacts WHERE user_id = $1 AND peer_id = $2")
            .bind(actor.as_str())
            .bind(peer.as_str())
            .fetch_optional(&mut *connection)
            .await?;
    let link = link.map(|(state,)| parse(&state, "a contact's state")).transpose()?;
    let blocks = is_blocked(connection, actor, peer).await?;
    let blocked_by = is_blocked(connection, peer, actor).await?;
    let declines = has_declined(connection, actor, peer).await?;
    let declined_by = has_declined(connection, peer, actor).await?;
    Ok(Scene { link, blocks, blocked_by, declines, declined_by })
}

/// Whether a user has declined a peer's requests for good.
async fn has_declined(connection: &mut Connection, user: &UserId, peer: &UserId) -> Result<bool> {
    let (declined,): (bool,) = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM declines WHERE user_id = $1 AND peer_id = $2)",
    )
    .bind(user.as_str())
    .bind(peer.as_str())
    .fetch_one(connection)
    .await?;
    Ok(declined)
}

async fn set_decline(
    connection: &mut Connection,
    wish: &ContactWish,
    declines: bool,
) -> Result<()> {
    let statement = if declines {
        "INSERT INTO declines (user_id, peer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
    } else {
        "DELETE FROM declines WHERE user_id = $1 AND peer_id = $2"
    };
    sqlx::query(statement)
        .bind(wish.actor.as_str())
        .bind(wish.peer.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// How the second of each pair stands to the first: their kind and settings, and what is between the two.
pub(super) async fn ties(
    connection: &mut Connection,
    pairs: &[(UserId, UserId)],
) -> Result<Vec<(usize, Tie)>> {
    let rows: Vec<TieRow> = sqlx::query_as(concat!(
        "SELECT p.place, u.user_id, u.kind, u.groups_from, u.presence_to,
             EXISTS (SELECT 1 FROM contacts c
                     WHERE c.user_id = p.one AND c.peer_id = u.user_id AND c.state = 'contact')
                 AS contact,
             EXISTS (SELECT 1 FROM blocks b
                     WHERE b.blocked AND ((b.user_id = p.one AND b.peer_id = u.user_id)
                                       OR (b.user_id = u.user_id AND b.peer_id = p.one)))
                 AS blocked
         FROM ",
        paired!("$1"),
        " p JOIN users u ON u.user_id = p.other"
    ))
    .bind(serde_json::json!(pairs).to_string())
    .fetch_all(connection)
    .await?;
    convert(rows)
}

async fn is_blocked(connection: &mut Connection, user: &UserId, peer: &UserId) -> Result<bool> {
    let row: Option<(bool,)> =
        sqlx::query_as("SELECT blocked FROM blocks WHERE user_id = $1 AND peer_id = $2")
            .bind(user.as_str())
            .bind(peer.as_str())
            .fetch_optional(connection)
            .await?;
    Ok(row.is_some_and(|(blocked,)| blocked))
}

async fn check_room(connection: &mut Connection, user: &UserId, contacts_max: u32) -> Result<()> {
    let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM contacts WHERE user_id = $1")
        .bind(user.as_str())
        .fetch_one(connection)
        .await?;
    if count >= i64::from(contacts_max) {
        let text = "one of you has as many contacts and requests as there may be";
        return Err(Fault::new(Code::LimitReached, text).into());
    }
    Ok(())
}

async fn set_link(
    connection: &mut Connection,
    wish: &ContactWish,
    link: Option<Link>,
) -> Result<()> {
    let Some(link) = link else {
        sqlx::query(
            "DELETE FROM contacts WHERE (user_id = $1 AND peer_id = $2)
                                     OR (user_id = $2 AND peer_id = $1)",
        )
        .bind(wish.actor.as_str())
        .bind(wish.peer.as_str())
        .execute(connection)
        .await?;
        return Ok(());
    };
    let sides = [(&wish.actor, &wish.peer, link), (&wish.peer, &wish.actor, link.mirrored())];
    for (user, peer, link) in sides {
        sqlx::query(
            "INSERT INTO contacts (user_id, peer_id, state, changed_at_us) VALUES ($1, $2, $3, $4)
             ON CONFLICT (user_id, peer_id) DO UPDATE
             SET state = excluded.state, changed_at_us = excluded.changed_at_us",
        )
        .bind(user.as_str())
        .bind(peer.as_str())
        .bind(link.as_str())
        .bind(wish.at.as_micros())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn set_block(connection: &mut Connection, wish: &ContactWish, blocked: bool) -> Result<()> {
    sqlx::query(
        "INSERT INTO blocks (user_id, peer_id, blocked, version, changed_at_us)
         VALUES ($1, $2, $3, 1, $4)
         ON CONFLICT (user_id, peer_id) DO UPDATE
         SET blocked = excluded.blocked, version = blocks.version + 1,
             changed_at_us = excluded.changed_at_us",
    )
    .bind(wish.actor.as_str())
    .bind(wish.peer.as_str())
    .bind(blocked)
    .bind(wish.at.as_micros())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn contacts(
    connection: &mut Connection,
    wish: &ContactPage,
) -> Result<Vec<(User, Link, Timestamp)>> {
    let rows: Vec<ContactRow> = sqlx::query_as(concat!(
        "SELECT ",
        user_columns!(),
        ", c.state, c.changed_at_us FROM contacts c JOIN users u ON u.user_id = c.peer_id
         WHERE c.user_id = $1 AND c.peer_id > $2 AND ($3 = '' OR c.state = $3)
         ORDER BY c.peer_id LIMIT $4"
    ))
    .bind(wish.page.user.as_str())
    .bind(wish.page.after.as_ref().map_or("", UserId::as_str))
    .bind(wish.only.map_or("", Link::as_str))
    .bind(i64::from(wish.page.limit))
    .fetch_all(connection)
    .await?;
    convert(rows)
}

pub(super) async fn blocks(connection: &mut Connection, page: &Page) -> Result<Vec<User>> {
    let rows: Vec<UserRow> = sqlx::query_as(concat!(
        "SELECT ",
        user_columns!(),
        "FROM blocks b JOIN users u ON u.user_id = b.peer_id
         WHERE b.user_id = $1 AND b.peer_id > $2 AND b.blocked
         ORDER BY b.peer_id LIMIT $3"
    ))
    .bind(page.user.as_str())
    .bind(page.after.as_ref().map_or("", UserId::as_str))
    .bind(i64::from(page.limit))
    .fetch_all(connection)
    .await?;
    convert(rows)
}

pub(super) async fn blocks_between(
    connection: &mut Connection,
    user: &UserId,
    peers: &[UserId],
) -> Result<Vec<UserId>> {
    let rows: Vec<(String,)> = sqlx::query_as(concat!(
        "SELECT peer_id FROM blocks WHERE user_id = $1 AND blocked AND peer_id IN ",
        listed!("$2"),
        " UNION SELECT user_id FROM blocks WHERE peer_id = $1 AND blocked AND user_id IN ",
        listed!("$2")
    ))
    .bind(user.as_str())
    .bind(json_texts(peers))
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(|(user,)| parse(&user, "a user id")).collect()
}

pub(super) async fn untold(connection: &mut Connection, limit: u32) -> Result<Vec<BlockNotice>> {
    let rows: Vec<BlockRow> = sqlx::query_as(
        "SELECT user_id, peer_id, blocked, version FROM blocks WHERE told_version < version
         ORDER BY changed_at_us LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    convert(rows)
}

pub(super) async fn told(connection: &mut Connection, told: &[BlockNotice]) -> Result<()> {
    for notice in told {
        sqlx::query(
            "UPDATE blocks SET told_version = $3
             WHERE user_id = $1 AND peer_id = $2 AND told_version < $3",
        )
        .bind(notice.user.as_str())
        .bind(notice.peer.as_str())
        .bind(i64::try_from(notice.version).unwrap_or(i64::MAX))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
