//! A client of Socket.IO over WebSocket: of Engine.IO 4 and Socket.IO 5 just the text frames that a chat
//! needs (open, ping, connect, events and their acks). It comes back by itself, joins its rooms
//! again, and sends again what was not acknowledged.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use futures::{SinkExt as _, StreamExt as _};
use hubbub_domain::{MessageId, RoomId};
use hubbub_testkit::token;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::mpsc, time::sleep};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};
use tokio_util::task::AbortOnDropHandle;

/// Between two attempts to connect, or to send what was refused.
const PAUSE: Duration = Duration::from_millis(100);
/// Messages that wait for the client's task. At the bound the talker waits.
const ORDERS_MAX: usize = 1_024;

type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(super) struct Socket {
    user: String,
    rooms: Vec<RoomId>,
    orders: mpsc::Sender<Saying>,
    seen: Arc<Mutex<Seen>>,
    #[expect(dead_code, reason = "its value is its end")]
    task: AbortOnDropHandle<()>,
}

/// Something to say, under an id of its own.
#[derive(Clone)]
struct Saying {
    room: RoomId,
    client_id: String,
    text: String,
}

#[derive(Default)]
struct Seen {
    joined: usize,
    unacked: usize,
    acked: Vec<(RoomId, String)>,
    heard: HashSet<String>,
}

impl Socket {
    pub(super) fn start(user: &str, ports: Vec<u16>, rooms: Vec<RoomId>) -> Self {
        let (orders, receiver) = mpsc::channel(ORDERS_MAX);
        let seen = Arc::default();
        let driver = Driver {
            token: token(user),
            ports,
            rooms: rooms.clone(),
            orders: receiver,
            seen: Arc::clone(&seen),
            unacked: BTreeMap::new(),
            next_id: 1,
        };
        let task = AbortOnDropHandle::new(tokio::spawn(driver.run()));
        Self { user: user.to_owned(), rooms, orders, seen, task }
    }

    pub(super) async fn say(&self, number: usize) {
        self.seen.lock().unacked += 1;
        let room = self.rooms[number % self.rooms.len()];
        let text = format!("{:160}.", format!("{} says {number}", self.user));
        let saying = Saying { room, client_id: MessageId::generate().to_string(), text };
        self.orders.send(saying).await.expect("the task runs as long as its client");
    }

    /// Whether it is in all of its rooms for the first time.
    pub(super) fn joined(&self) -> bool {
        self.seen.lock().joined >= self.rooms.len()
    }

    pub(super) fn waits(&self) -> bool {
        self.seen.lock().unacked > 0
    }

    /// The rooms and ids of what was acknowledged.
    pub(super) fn acked(&self) -> Vec<(RoomId, String)> {
        self.seen.lock().acked.clone()
    }

    /// The ids of all messages that came.
    pub(super) fn heard(&self) -> HashSet<String> {
        self.seen.lock().heard.clone()
    }
}

struct Driver {
    token: String,
    ports: Vec<u16>,
    rooms: Vec<RoomId>,
    orders: mpsc::Receiver<Saying>,
    seen: Arc<Mutex<Seen>>,
    /// By the id of the packet that carried it last.
    unacked: BTreeMap<u64, Saying>,
    next_id: u64,
}

impl Driver {
    async fn run(mut self) {
        for attempt in 0.. {
            let port = self.ports[attempt % self.ports.len()];
            // However it ended, the client comes back.
            let _broken = self.talk(port).await;
            sleep(PAUSE).await;
        }
    }

    async fn talk(&mut self, port: u16) -> Result<()> {
        let url = format!("ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket");
        let (mut socket, _) = connect_async(url).await?;
        ensure!(text(&mut socket).await?.starts_with('0'), "no handshake");
        socket.send(Message::text(format!("40{}", json!({"token": self.token})))).await?;
        ensure!(text(&mut socket).await?.starts_with("40"), "not welcome");
        let mut joins = HashMap::new();
        for room in self.rooms.clone() {
            let id = self.emit(&mut socket, "join-room", &json!({"room": room})).await?;
            joins.insert(id, room);
        }
        while !joins.is_empty() {
            let heard = text(&mut socket).await?;
            if let Some((id, _)) = self.hear(&mut socket, &heard).await? {
                joins.remove(&id);
                self.seen.lock().joined += 1;
            }
        }
        for saying in std::mem::take(&mut self.unacked).into_values() {
            self.say(&mut socket, saying).await?;
        }
        loop {
            tokio::select! {
                heard = text(&mut socket) => {
                    let heard = heard?;
                    if let Some((id, answer)) = self.hear(&mut socket, &heard).await? {
                        self.answered(&mut socket, id, &answer).await?;
                    }
                }
                saying = self.orders.recv() => {
                    let saying = saying.context("the client is gone")?;
                    self.say(&mut socket, saying).await?;
                }
            }
        }
    }

    async fn say(&mut self, socket: &mut WebSocket, saying: Saying) -> Result<()> {
        let Saying { room, client_id, text } = saying.clone();
        // Kept before it is sent: a connection that breaks now must not lose it.
        self.unacked.insert(self.next_id, saying);
        let body = json!({"room": room, "client_id": client_id, "body": {"text": text}});
        self.emit(socket, "chatMessage", &body).await?;
        Ok(())
    }

    async fn emit(&mut self, socket: &mut WebSocket, event: &str, body: &Value) -> Result<u64> {
        let id = self.next_id;
        self.next_id += 1;
        socket.send(Message::text(format!("42{id}{}", json!([event, body])))).await?;
        Ok(id)
    }

    /// Answers pings, notes messages; an ack is handed back.
    async fn hear(&mut self, socket: &mut WebSocket, heard: &str) -> Result<Option<(u64, Value)>> {
        if heard == "2" {
            socket.send(Message::text("3")).await?;
        } else if let Some(event) = heard.strip_prefix("42") {
            let event: Value = serde_json::from_str(event)?;
            if let Some(id) = event[1]["message_id"].as_str() {
                self.seen.lock().heard.insert(id.to_owned());
            }
        } else if let Some(ack) = heard.strip_prefix("43") {
            let bracket = ack.find('[').context("an ack without content")?;
            let answer: Value = serde_json::from_str(&ack[bracket..])?;
            return Ok(Some((ack[..bracket].parse()?, answer[0].clone())));
        } else if heard.starts_with("41") || heard.starts_with('1') {
            bail!("closed");
        }
        Ok(None)
    }

    async fn answered(&mut self, socket: &mut WebSocket, id: u64, answer: &Value) -> Result<()> {
        let Some(saying) = self.unacked.remove(&id) else { return Ok(()) };
        let Some(message) = answer["message_id"].as_str() else {
            sleep(PAUSE).await;
            return self.say(socket, saying).await;
        };
        let mut seen = self.seen.lock();
        seen.unacked -= 1;
        seen.acked.push((saying.room, message.to_owned()));
        Ok(())
    }
}

async fn text(socket: &mut WebSocket) -> Result<String> {
    loop {
        match socket.next().await.context("the connection ended")?? {
            Message::Text(text) => return Ok(text.to_string()),
            Message::Close(_) => bail!("closed"),
            _ => {}
        }
    }
}
