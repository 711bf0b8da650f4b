//! The client's task: connects, resumes, sends, and writes down what it hears.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use futures::{SinkExt as _, StreamExt as _};
use hubbub_client_protocol::{
    Appended, Command, ErrorView, Event, Hello, Request, RequestId, Resume, SUBPROTOCOL, Send,
    Welcome,
};
use hubbub_domain::{Body, ClientId, RoomId};
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use super::Shared;
use crate::checker::Entry;

/// How long connecting and the welcome may take before the next gateway is tried.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(100);
/// A send that was refused as retryable, without a word on when to come back.
const RETRY: Duration = Duration::from_millis(100);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What the test wants.
pub(super) enum Order {
    Send { room: RoomId, client_id: ClientId, body: Body },
    Call { command: Command, answer: oneshot::Sender<Result<Value, ErrorView>> },
    BreakOff,
    StandStill(Duration),
    GoHome,
}

pub(super) struct Driver {
    token: String,
    urls: Vec<String>,
    orders: mpsc::Receiver<Order>,
    shared: Arc<Shared>,
    /// Sent and not answered for good, in order.
    unacked: VecDeque<Send>,
    /// Those of them that were refused for the moment, and when they go out again: the earliest first.
    retries: BinaryHeap<Reverse<(Instant, ClientId)>>,
    /// Asked and not answered.
    calls: VecDeque<Call>,
    epoch: String,
    /// How long the connection may be silent before it is given up.
    silence: Duration,
    next_id: u64,
    next_url: usize,
}

struct Call {
    command: Command,
    answer: oneshot::Sender<Result<Value, ErrorView>>,
}

/// What the requests of one connection were about.
#[derive(Default)]
struct Asked {
    sends: HashMap<u64, ClientId>,
    /// The id of the call at work, which is the first that waits.
    call: Option<u64>,
}

#[derive(Deserialize)]
struct Answer {
    re: Option<u64>,
    ok: Option<Value>,
    error: Option<ErrorView>,
}

impl Driver {
    pub(super) fn new(
        token: String,
        urls: Vec<String>,
        orders: mpsc::Receiver<Order>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            token,
            urls,
            orders,
            shared,
            unacked: VecDeque::new(),
            retries: BinaryHeap::new(),
            calls: VecDeque::new(),
            epoch: String::new(),
            silence: CONNECT_PATIENCE,
            next_id: 1,
            next_url: 0,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            if let Ok(Ok(mut socket)) = timeout(CONNECT_PATIENCE, self.connect()).await {
                // However it ended, the client comes back.
                let _broken = self.talk(&mut socket).await;
            }
            self.next_url += 1;
            sleep(PAUSE).await;
        }
    }

    fn is_home(&self) -> bool {
        self.next_url.is_multiple_of(self.urls.len())
    }

    async fn connect(&mut self) -> Result<Socket> {
        let url = &self.urls[self.next_url % self.urls.len()];
        let mut request = format!("{url}/v1/connect").into_client_request()?;
        let bearer = format!("Bearer {}", self.token).parse()?;
        request.headers_mut().insert("authorization", bearer);
        request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse()?);
        let (mut socket, _) = connect_async(request).await?;
        self.greet(&mut socket).await?;
        *self.shared.connections.lock() += 1;
        Ok(socket)
    }

    async fn greet(&mut self, socket: &mut Socket) -> Result<()> {
        let revs = self.shared.log.lock().revs.clone();
        let resume = (!self.epoch.is_empty())
            .then(|| Resume { epoch: self.epoch.clone(), rooms: revs.into_iter().collect() });
        let id = self.ask(socket, Command::Hello(Hello { resume, ..Hello::default() })).await?;
        let text = text(socket, CONNECT_PATIENCE).await?;
        let answer: Answer = serde_json::from_str(&text).context("the answer to hello")?;
        let welcome = match (answer.re, answer.ok) {
            (Some(re), Some(ok)) if re == id => serde_json::from_value::<Welcome>(ok)?,
            _ => bail!("not welcome: {text}"),
        };
        self.epoch.clone_from(&welcome.epoch);
        // The server pings that often; what has said nothing for longer is not there any more.
        self.silence = 2 * Duration::from_millis(welcome.heartbeat_ms) + CONNECT_PATIENCE;
        let (rooms, total) = (&welcome.rooms, welcome.rooms_total as usize);
        self.shared.log.lock().welcomed(rooms, total);
        Ok(())
    }

    /// Until the connection ends.
    async fn talk(&mut self, socket: &mut Socket) -> Result<()> {
        let mut asked = Asked::default();
        self.retries.clear();
        for send in self.unacked.clone() {
            self.send(socket, &mut asked, send).await?;
        }
        loop {
            if asked.call.is_none() {
                self.calls.retain(|call| !call.answer.is_closed());
                if let Some(call) = self.calls.front() {
                    let command = call.command.clone();
                    asked.call = Some(self.ask(socket, command).await?);
                }
            }
            let retry = self.retries.peek().map(|Reverse((due, _))| *due);
            tokio::select! {
                () = sleep_until(retry.unwrap_or_else(Instant::now)), if retry.is_some() => {
                    if let Some(Reverse((_, client_id))) = self.retries.pop() {
                        self.send_again(socket, &mut asked, &client_id).await?;
                    }
                }
                heard = text(socket, self.silence) => {
                    self.hear(&mut asked, &heard?).await?;
                }
                order = self.orders.recv() => match order {
                    Some(Order::Send { room, client_id, body }) => {
                        let send = Send { room, client_id, body };
                        self.unacked.push_back(send.clone());
                        self.send(socket, &mut asked, send).await?;
                    }
                    Some(Order::Call { command, answer }) => {
                        self.calls.push_back(Call { command, answer });
                    }
                    Some(Order::StandStill(duration)) => sleep(duration).await,
                    Some(Order::GoHome) if self.is_home() => {}
                    Some(Order::GoHome) => {
                        // The next attempt is at the one behind: the first of the list.
                        self.next_url = self.urls.len() - 1;
                        return Ok(());
                    }
                    Some(Order::BreakOff) | None => return Ok(()),
                },
            }
        }
    }

    async fn send(&mut self, socket: &mut Socket, asked: &mut Asked, send: Send) -> Result<()> {
        let client_id = send.client_id.clone();
        let id = self.ask(socket, Command::Send(send)).await?;
        asked.sends.insert(id, client_id);
        Ok(())
    }

    async fn send_again(
        &mut self,
        socket: &mut Socket,
        asked: &mut Asked,
        client_id: &ClientId,
    ) -> Result<()> {
        let send = self.unacked.iter().find(|send| send.client_id == *client_id).cloned();
        match send {
            Some(send) => self.send(socket, asked, send).await,
            None => Ok(()),
        }
    }

    async fn ask(&mut self, socket: &mut Socket, command: Command) -> Result<u64> {
        let id = self.next_id;
        self.next_id += 1;
        let frame = Request { id: RequestId::Number(id), command }.encode();
        timeout(CONNECT_PATIENCE, socket.send(Message::text(frame))).await??;
        Ok(id)
    }

    async fn hear(&mut self, asked: &mut Asked, text: &str) -> Result<()> {
        if let Ok(event) = serde_json::from_str::<Event>(text) {
            if let Event::Moving { after_ms } = event {
                sleep(Duration::from_millis(after_ms)).await;
                bail!("asked to move");
            }
            if let Event::Epoch { epoch } = event {
                self.epoch = epoch;
                return Ok(());
            }
            self.shared.log.lock().heard(event);
            return Ok(());
        }
        let answer: Answer = serde_json::from_str(text).context("neither event nor answer")?;
        let id = answer.re.context("a complaint")?;
        let outcome = match (answer.ok, answer.error) {
            (Some(ok), _) => Ok(ok),
            (None, Some(error)) => Err(error),
            (None, None) => bail!("an answer without content: {text}"),
        };
        if asked.call == Some(id) {
            asked.call = None;
            if let Some(call) = self.calls.pop_front() {
                // Whoever asked may have given up.
                let _unheard = call.answer.send(outcome);
            }
            return Ok(());
        }
        let Some(client_id) = asked.sends.remove(&id) else { return Ok(()) };
        self.answered(client_id, outcome)
    }

    fn answered(&mut self, client_id: ClientId, outcome: Result<Value, ErrorView>) -> Result<()> {
        let Some(index) = self.unacked.iter().position(|send| send.client_id == client_id) else {
            return Ok(());
        };
        let room = self.unacked[index].room;
        let entry = match outcome {
            Ok(ok) => {
                let appended: Appended = serde_json::from_value(ok)?;
                Entry::Acked { at: Instant::now(), room, client_id, appended }
            }
            Err(error) if error.retryable => {
                let pause = error.retry_after_ms.map_or(RETRY, Duration::from_millis);
                self.retries.push(Reverse((Instant::now() + pause, client_id)));
                return Ok(());
            }
            Err(error) => Entry::Refused { client_id, error },
        };
        self.unacked.remove(index);
        self.shared.log.lock().entries.push(entry);
        *self.shared.unacked.lock() -= 1;
        Ok(())
    }
}

/// The next text; pings are answered by the library.
async fn text(socket: &mut Socket, silence: Duration) -> Result<String> {
    loop {
        let heard = timeout(silence, socket.next()).await.context("nothing but silence")?;
        match heard.context("the connection ended")?? {
            Message::Text(text) => return Ok(text.to_string()),
            Message::Close(frame) => bail!("closed: {frame:?}"),
            _ => {}
        }
    }
}
