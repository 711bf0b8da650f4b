//! The usual way to a chat list: the user's rooms, then one query for each, then a sort.
//!
//! It is spared what it could be blamed for: its queries are prepared once, go by the same indexes
//! and are planned once, and it calls no other service.

use std::str::FromStr as _;

use anyhow::Result;
use sqlx::{
    Connection as _, PgConnection,
    postgres::{PgConnectOptions, PgRow},
    prelude::*,
};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{Entry, READER};

const ROOMS: &str = "SELECT room_id, last_read_seq FROM room.records WHERE user_id = $1";

const LAST_AND_UNREAD: &str = "
    SELECT m.seq, m.text, m.created_at_us, (
        SELECT count(*)
        FROM history.messages u
        WHERE u.room_id = $1 AND u.seq > $2 AND u.sender_id <> $3 AND u.deleted_at_us IS NULL
    ) AS unread
    FROM history.messages m
    WHERE m.room_id = $1
    ORDER BY m.seq DESC
    LIMIT 1";

pub(super) struct OneQueryPerRoom {
    connection: Mutex<PgConnection>,
}

impl OneQueryPerRoom {
    pub(super) async fn connect(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url)?
            .options([("plan_cache_mode", "force_generic_plan"), ("jit", "off")]);
        let connection = PgConnection::connect_with(&options).await?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// The whole list; its first page is known no sooner.
    pub(super) async fn list(&self) -> Result<Vec<Entry>> {
        let mut connection = self.connection.lock().await;
        let rooms: Vec<(Uuid, i64)> =
            sqlx::query_as(ROOMS).bind(READER).fetch_all(&mut *connection).await?;
        let mut chats = Vec::with_capacity(rooms.len());
        for (room, read) in rooms {
            let row = sqlx::query(LAST_AND_UNREAD).bind(room).bind(read).bind(READER);
            chats.push(chat(room, &row.fetch_one(&mut *connection).await?)?);
        }
        chats.sort_by(|(a_at, a), (b_at, b)| b_at.cmp(a_at).then_with(|| a.room.cmp(&b.room)));
        Ok(chats.into_iter().map(|(_, chat)| chat).collect())
    }
}

fn chat(room: Uuid, row: &PgRow) -> Result<(i64, Entry)> {
    let entry = Entry {
        room: room.to_string(),
        last_seq: row.try_get::<i64, _>("seq")?.try_into()?,
        text: row.try_get("text")?,
        unread: row.try_get::<i64, _>("unread")?.try_into()?,
    };
    Ok((row.try_get("created_at_us")?, entry))
}
