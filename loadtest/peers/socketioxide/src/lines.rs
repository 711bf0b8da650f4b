//! The order of what is said: every room belongs to one line, and a line stores one message after the
//! other, each in its own transaction. What is stored is acknowledged and emitted by a second task, so
//! that the next commit is under way meanwhile. Lines commit side by side.

use serde::Serialize;
use serde_json::json;
use socketioxide::{SocketIo, extract::AckSender};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{
    Adapter,
    store::{Message, Store},
};

/// As many commits may be in flight.
const LINES: usize = 20;
/// Messages that wait in a line. At the bound the handler waits, and with it the client's ack.
const WAITING_MAX: usize = 10_000;

pub struct Lines(Vec<mpsc::Sender<Saying>>);

struct Saying {
    message: Message,
    ack: AckSender<Adapter>,
}

#[derive(Serialize)]
struct Stored {
    seq: i64,
    rev: i64,
    message_id: Uuid,
    created_at: jiff::Timestamp,
    duplicate: bool,
}

impl Lines {
    /// Opens the lines; they last as long as the process.
    pub async fn open(database: &str, io: &SocketIo<Adapter>) -> anyhow::Result<Self> {
        let mut lines = Vec::with_capacity(LINES);
        for _ in 0..LINES {
            let store = Store::open(database).await?;
            let (line, sayings) = mpsc::channel(WAITING_MAX);
            let (done, stored) = mpsc::channel(WAITING_MAX);
            tokio::spawn(keep(store, sayings, done));
            tokio::spawn(tell(io.clone(), stored));
            lines.push(line);
        }
        Ok(Self(lines))
    }

    pub async fn enqueue(&self, message: Message, ack: AckSender<Adapter>) {
        let line = message.room.as_u128() % self.0.len() as u128;
        let saying = Saying { message, ack };
        // A line that has ended cannot be told anything; the client's ack times out.
        self.0[usize::try_from(line).expect("few lines")].send(saying).await.ok();
    }
}

async fn keep(
    mut store: Store,
    mut sayings: mpsc::Receiver<Saying>,
    done: mpsc::Sender<(Saying, bool)>,
) {
    while let Some(mut saying) = sayings.recv().await {
        match store.append(&mut saying.message).await {
            Ok(duplicate) => {
                if done.send((saying, duplicate)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                eprintln!("store: {error:#}");
                saying.ack.send(&json!({ "error": "unavailable" })).ok();
            }
        }
    }
}

async fn tell(io: SocketIo<Adapter>, mut stored: mpsc::Receiver<(Saying, bool)>) {
    while let Some((Saying { message, ack }, duplicate)) = stored.recv().await {
        let Message { seq, message_id, created_at, .. } = message;
        // The sender may be gone.
        ack.send(&Stored { seq, rev: seq, message_id, created_at, duplicate }).ok();
        if duplicate {
            continue;
        }
        if let Err(error) = io.to(message.room.to_string()).emit("chatMessage", &message).await {
            eprintln!("emit: {error}");
        }
    }
}
