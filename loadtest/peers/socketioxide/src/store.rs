//! Where messages are kept: a row per message, numbered from 1 in its room without a gap. A message is
//! one statement, which is one transaction; one that is there already keeps its first place.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::{Client, NoTls, Statement, error::SqlState};
use uuid::Uuid;

#[derive(Serialize)]
pub struct Message {
    pub room: Uuid,
    pub seq: i64,
    rev: i64,
    pub message_id: Uuid,
    sender: Arc<str>,
    client_id: String,
    pub created_at: jiff::Timestamp,
    body: Value,
}

impl Message {
    /// A message without a place yet.
    pub fn new(room: Uuid, sender: Arc<str>, client_id: String, body: Value) -> Self {
        // Postgres keeps microseconds.
        let now = jiff::Timestamp::now().as_microsecond();
        let created_at = jiff::Timestamp::from_microsecond(now).expect("it is a time");
        let message_id = Uuid::now_v7();
        Self { room, seq: 0, rev: 0, message_id, sender, client_id, created_at, body }
    }
}

const MIGRATE: &str = "
    BEGIN;
    SELECT pg_advisory_xact_lock(4242);
    CREATE TABLE IF NOT EXISTS rooms (id uuid PRIMARY KEY, seq bigint NOT NULL) WITH (fillfactor = 50);
    CREATE TABLE IF NOT EXISTS messages (
        room uuid NOT NULL,
        seq bigint NOT NULL,
        message_id uuid NOT NULL,
        sender text NOT NULL,
        client_id text NOT NULL,
        created_at timestamptz NOT NULL,
        body jsonb NOT NULL,
        PRIMARY KEY (room, seq),
        UNIQUE (room, sender, client_id)
    );
    COMMIT";

const INSERT: &str = "
    WITH head AS (
        INSERT INTO rooms (id, seq) VALUES ($1, 1)
        ON CONFLICT (id) DO UPDATE SET seq = rooms.seq + 1
        RETURNING seq
    )
    INSERT INTO messages (room, seq, message_id, sender, client_id, created_at, body)
    SELECT $1, head.seq, $2, $3, $4, $5, $6 FROM head
    RETURNING seq";

const FIND: &str = "
    SELECT seq, message_id, created_at FROM messages
    WHERE room = $1 AND sender = $2 AND client_id = $3";

/// One connection with its prepared statements; made again when it breaks.
pub struct Store {
    url: String,
    session: Session,
}

struct Session {
    client: Client,
    insert: Statement,
    find: Statement,
}

impl Store {
    pub async fn open(url: &str) -> Result<Self> {
        Ok(Self { url: url.to_owned(), session: Session::open(url).await? })
    }

    /// Gives the message its place and stores it; true when it was stored before.
    pub async fn append(&mut self, message: &mut Message) -> Result<bool> {
        if self.session.client.is_closed() {
            self.session = Session::open(&self.url).await?;
        }
        let Session { client, insert, find } = &self.session;
        let Message { room, message_id, client_id, created_at, body, .. } = &*message;
        let sender = &*message.sender;
        let stored = client
            .query_one(insert, &[room, message_id, &sender, client_id, created_at, body])
            .await;
        let duplicate = match stored {
            Ok(row) => {
                message.seq = row.get(0);
                false
            }
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                let first = client.query_one(find, &[room, &sender, client_id]).await?;
                (message.seq, message.message_id) = (first.get(0), first.get(1));
                message.created_at = first.get(2);
                true
            }
            Err(error) => return Err(error.into()),
        };
        message.rev = message.seq;
        Ok(duplicate)
    }
}

impl Session {
    async fn open(url: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.context("Postgres")?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                eprintln!("postgres: {error}");
            }
        });
        client.batch_execute(MIGRATE).await?;
        let (insert, find) = (client.prepare(INSERT).await?, client.prepare(FIND).await?);
        Ok(Self { client, insert, find })
    }
}
