//! People who only want to talk: each in a room of their own, so that their times are the node's and not
//! each other's. They connect, send for a while, leave and come back.

use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use futures::{SinkExt as _, StreamExt as _, future::try_join_all};
use hdrhistogram::Histogram;
use hubbub_testkit::token;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::target::{PATIENCE, Socket, Target};

/// Between two messages of one.
const SEND_INTERVAL: Duration = Duration::from_millis(200);
/// Messages until one leaves and comes back.
const SENDS_PER_CONNECTION: usize = 5;

/// All of them.
pub(crate) struct Crowd(Vec<Bystander>);

struct Bystander {
    target: Target,
    from: Ipv4Addr,
    name: String,
    token: String,
    room: String,
    /// Messages so far: each has an id of its own.
    said: AtomicU64,
}

/// How long things took, in microseconds.
pub(crate) struct Times {
    /// From the first packet to `welcome`.
    pub(crate) connect: Histogram<u64>,
    /// From `send` to its answer.
    pub(crate) ack: Histogram<u64>,
}

impl Times {
    fn new() -> Self {
        let histogram = || Histogram::new(3).expect("three digits are allowed");
        Self { connect: histogram(), ack: histogram() }
    }
}

impl Crowd {
    /// Makes their rooms.
    pub(crate) async fn gather(target: Target, size: usize) -> Result<Self> {
        let mut crowd = Vec::with_capacity(size);
        for number in 1..=size {
            let from = Ipv4Addr::new(127, 0, 1, u8::try_from(number).context("255 at the most")?);
            let name = format!("bystander-{number}");
            let token = token(&name);
            let (room, said) = (String::new(), AtomicU64::new(0));
            let mut bystander = Bystander { target, from, name, token, room, said };
            let mut line = bystander.come().await?;
            let room = line.ask(json!({"type": "create_room", "name": "mine"})).await?;
            room["room"].as_str().context("a room has an id")?.clone_into(&mut bystander.room);
            crowd.push(bystander);
        }
        Ok(Self(crowd))
    }

    /// Lets all talk for a while. An error if one was refused, or lost or saw twice what it sent.
    pub(crate) async fn talk(&self, duration: Duration) -> Result<Times> {
        let until = Instant::now() + duration;
        let talking = self.0.iter().map(|bystander| bystander.talk(until));
        let mut all = Times::new();
        for times in try_join_all(talking).await? {
            all.connect.add(times.connect)?;
            all.ack.add(times.ack)?;
        }
        Ok(all)
    }
}

impl Bystander {
    async fn come(&self) -> Result<Line> {
        let socket = self.target.websocket(self.from, "/v1/connect").await?;
        let mut line = Line { socket, next_id: 1 };
        line.ask(json!({"type": "hello", "token": self.token})).await?;
        Ok(line)
    }

    async fn talk(&self, until: Instant) -> Result<Times> {
        let mut times = Times::new();
        let spoken = self.speak(until, &mut times).await;
        spoken.with_context(|| format!("{} was disturbed", self.name))?;
        Ok(times)
    }

    async fn speak(&self, until: Instant, times: &mut Times) -> Result<()> {
        let mut last_seq = None;
        // They do not all come in the same moment.
        sleep(SEND_INTERVAL * u32::from(self.from.octets()[3] % 16) / 16).await;
        while Instant::now() < until {
            let begun = Instant::now();
            let mut line = self.come().await?;
            times.connect.record(micros(begun))?;
            for _ in 0..SENDS_PER_CONNECTION {
                let begun = Instant::now();
                let client_id = self.said.fetch_add(1, Ordering::Relaxed).to_string();
                let send = json!({
                    "type": "send", "room": self.room, "client_id": client_id,
                    "body": {"text": "only talking"},
                });
                let sent = line.ask(send).await?;
                times.ack.record(micros(begun))?;
                let seq = sent["seq"].as_u64().context("an answer has a seq")?;
                ensure!(last_seq.is_none_or(|last| seq == last + 1), "{last_seq:?}, then {seq}");
                last_seq = Some(seq);
                sleep_until(begun + SEND_INTERVAL).await;
            }
        }
        Ok(())
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// A connection to the native door.
struct Line {
    socket: Socket,
    next_id: u64,
}

impl Line {
    /// What was answered; a refusal is an error.
    async fn ask(&mut self, mut request: Value) -> Result<Value> {
        let id = self.next_id;
        self.next_id += 1;
        request["id"] = json!(id);
        let answered = async {
            self.socket.send(Message::text(request.to_string())).await?;
            loop {
                let message = self.socket.next().await.context("the connection ended")??;
                let Message::Text(text) = message else {
                    ensure!(!message.is_close(), "closed: {message}");
                    continue;
                };
                let heard: Value = serde_json::from_str(&text)?;
                if heard["re"] == id {
                    ensure!(heard["ok"].is_object(), "refused: {heard}");
                    return Ok(heard["ok"].clone());
                }
            }
        };
        timeout(PATIENCE, answered).await.context("no answer in time")?
    }
}
