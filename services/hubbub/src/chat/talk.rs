//! The conversation as the terminal sees it, over as many connections as it takes.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use hubbub_client_protocol::{
    Command, ErrorView, Event, Hello, History, Page, Read, Resume, Send, Watch, Watched, Welcome,
};
use hubbub_domain::{Body, ClientId, MessageId, Rev, RoomId, Seq, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::{
    link::{Heard, Link, LinkError},
    screen::printable,
    setting::{Expiry, Setting},
    terminal::{Input, Screen},
    ticks::Ticks,
    times::Times,
    typed::{self, Typed},
    waiting,
};

/// Messages that wait for their acknowledgement. At the bound typing has to wait.
const UNACKED_MAX: usize = 1_024;

pub(super) struct Talk {
    pub(super) me: UserId,
    peer: Option<UserId>,
    pub(super) room: Option<RoomId>,
    stay: bool,
    pub(super) screen: Screen,
    pub(super) times: Times,
    keyboard: mpsc::Receiver<Input>,
    /// Where to resume: the epoch, and the last revision seen.
    pub(super) seen: Option<(String, Rev)>,
    /// Sent and not acknowledged, in order.
    unacked: VecDeque<(ClientId, String)>,
    /// Which request carries which of them, on this connection.
    asked: HashMap<u64, ClientId>,
    /// Typed here: not printed again when they come back.
    pub(super) mine: HashSet<ClientId>,
    pub(super) ticks: Ticks,
    /// What was last said of the other one's presence.
    pub(super) presence: Option<String>,
    input_ended: bool,
    connection: Connection,
    /// What to do when the token is about to end: come back, or stay as long as it lasts.
    expiry: Expiry,
}

/// The state of the connection, as far as the user has to know it.
#[derive(Default)]
struct Connection {
    /// The server has answered `hello` on this connection.
    welcomed: bool,
    /// The loss was printed; the return was not yet.
    announced_lost: bool,
}

/// `docs/protocol.md`: no valid token in time, or it expired.
const TOKEN_EXPIRED: u16 = 4501;

/// How a connection ended.
pub(super) enum Turn {
    /// All is said.
    Done,
    /// There is no use in coming back.
    Refused(String),
    Moved(Duration),
    /// The token is about to end: come back with another.
    Expiring,
    Broken(String),
}

impl Turn {
    pub(super) fn of(error: &LinkError) -> Self {
        if error.is_final() {
            Self::Refused(error.to_string())
        } else {
            Self::Broken(error.to_string())
        }
    }
}

impl Talk {
    pub(super) fn new(setting: Setting, screen: Screen, keyboard: mpsc::Receiver<Input>) -> Self {
        let Setting { me, peer, room, stay, expiry } = setting;
        Self {
            me,
            peer,
            room,
            stay,
            screen,
            times: Times::here(),
            keyboard,
            seen: None,
            unacked: VecDeque::new(),
            asked: HashMap::new(),
            mine: HashSet::new(),
            ticks: Ticks::default(),
            presence: None,
            input_ended: false,
            connection: Connection::default(),
            expiry,
        }
    }

    pub(super) const fn was_welcomed(&self) -> bool {
        self.connection.welcomed
    }

    /// Says once that there is no connection.
    pub(super) fn note_lost(&mut self, why: &str) {
        if !std::mem::replace(&mut self.connection.announced_lost, true) {
            let what = if self.seen.is_some() { "the connection is lost" } else { "not connected" };
            self.screen.say(&format!("-- {what}: {}; trying again", printable(why)));
        }
    }

    /// Waits for something else than the server. What is typed meanwhile waits to be sent.
    pub(super) async fn meanwhile<T>(&mut self, other: impl Future<Output = T>) -> Result<T, Turn> {
        tokio::pin!(other);
        loop {
            tokio::select! {
                done = &mut other => return Ok(done),
                input = self.keyboard.recv(), if self.takes_input() => {
                    self.take_input(input)?;
                }
            }
        }
    }

    /// Talks over one connection until it ends.
    pub(super) async fn hold(&mut self, mut link: Link) -> Turn {
        self.connection.welcomed = false;
        self.asked.clear();
        self.ticks.begin_anew();
        match self.begin(&mut link).await {
            Ok(Ok(())) => self.connection.welcomed = true,
            Ok(Err(error)) => return refused(&error),
            Err(error) => return self.ended(&error),
        }
        if std::mem::take(&mut self.connection.announced_lost) {
            self.screen.say("-- connected again");
        }
        loop {
            if let Err(error) = self.say_what_is_read(&mut link).await {
                return self.ended(&error);
            }
            let all_said = self.unacked.is_empty() && !self.ticks.is_saying();
            if self.input_ended && all_said && !self.stay {
                link.close().await;
                return Turn::Done;
            }
            let step = tokio::select! {
                heard = link.hear() => match heard {
                    Ok(heard) => self.take(heard, &mut link).await,
                    Err(error) => Err(self.ended(&error)),
                },
                input = self.keyboard.recv(), if self.takes_input() => {
                    self.send_typed(input, &mut link).await
                }
            };
            match step {
                Ok(()) => {}
                Err(Turn::Done) => {
                    link.close().await;
                    return Turn::Done;
                }
                Err(turn) => return turn,
            }
        }
    }

    /// What the end of a connection means. A session whose token has run out comes back with another
    /// token, if it was welcomed with this one.
    fn ended(&self, error: &LinkError) -> Turn {
        let expired = matches!(error, LinkError::Closed { code: TOKEN_EXPIRED, .. });
        if expired && self.connection.welcomed && self.expiry == Expiry::ComeBack {
            return Turn::Expiring;
        }
        Turn::of(error)
    }

    /// Hello, the room, what was missed, and what is still to be acknowledged.
    async fn begin(&mut self, link: &mut Link) -> Result<Result<(), ErrorView>, LinkError> {
        let resume = self
            .room
            .zip(self.seen.clone())
            .map(|(room, (epoch, rev))| Resume { epoch, rooms: HashMap::from([(room, rev)]) });
        let first = self.seen.is_none();
        let hello = Command::Hello(Hello { resume, ..Hello::default() });
        let welcome: Welcome = match link.call(hello, |event| self.print(event)).await? {
            Ok(welcome) => welcome,
            Err(error) => return Ok(Err(error)),
        };
        // What was lost keeps its epoch until the reset has come.
        let lost = welcome.rooms.iter().any(|room| room.reset && Some(room.room) == self.room);
        if let Some((epoch, _)) = self.seen.as_mut().filter(|_| !lost) {
            *epoch = welcome.epoch;
        }
        if first && let Err(error) = self.open(link).await? {
            return Ok(Err(error));
        }
        self.look_out(link).await?;
        for (client_id, text) in self.unacked.clone() {
            self.send(client_id, text, link).await?;
        }
        Ok(Ok(()))
    }

    /// Has it told whether the other one is there. Who cannot be watched can still be talked with.
    async fn look_out(&mut self, link: &mut Link) -> Result<(), LinkError> {
        let Some(peer) = self.peer.clone() else { return Ok(()) };
        let watch = Command::Watch(Watch { users: vec![peer] });
        let watched = link.call::<Watched>(watch, |event| self.print(event)).await?;
        for presence in watched.into_iter().flat_map(|watched| watched.users) {
            self.print(Event::Presence(presence));
        }
        Ok(())
    }

    async fn open(&mut self, link: &mut Link) -> Result<Result<(), ErrorView>, LinkError> {
        let room = match (self.room, self.peer.clone()) {
            (None, Some(peer)) => match waiting::open_direct(link, &mut self.screen, peer).await? {
                Ok(opened) => opened.room.room,
                Err(error) => return Ok(Err(error)),
            },
            (Some(room), _) => room,
            (None, None) => {
                return Err(anyhow::anyhow!("neither --with nor --room").into());
            }
        };
        let history = History {
            room,
            before_seq: None,
            after_seq: None,
            around_seq: None,
            before_time: None,
            limit: None,
        };
        let mut early = Vec::new();
        let page = link.call::<Page>(Command::History(history), |event| early.push(event)).await?;
        let page = match page {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        self.room = Some(room);
        for message in &page.messages {
            self.print_message(message);
        }
        self.seen = Some((page.epoch, page.rev));
        for event in early {
            self.print(event);
        }
        Ok(Ok(()))
    }

    /// What is on the screen is read.
    async fn say_what_is_read(&mut self, link: &mut Link) -> Result<(), LinkError> {
        if let Some((room, seq)) = self.room.zip(self.ticks.to_say()) {
            let id = link.ask(Command::Read(Read { room, seq })).await?;
            self.ticks.asked(id, seq);
        }
        Ok(())
    }

    fn takes_input(&self) -> bool {
        !self.input_ended && self.unacked.len() < UNACKED_MAX
    }

    /// What was typed; `None` at the end of the input. A message goes behind those that wait.
    fn take_input(&mut self, input: Option<Input>) -> Result<Option<(ClientId, String)>, Turn> {
        let line = match input {
            Some(Input::Line(line)) => line,
            Some(Input::Interrupted) => return Err(Turn::Done),
            None => {
                self.input_ended = true;
                return Ok(None);
            }
        };
        match typed::understand(&line) {
            Typed::Nothing => {}
            Typed::Help => typed::HELP.iter().for_each(|line| self.screen.say(line)),
            Typed::Quit if self.unacked.is_empty() => return Err(Turn::Done),
            // As soon as all is acknowledged.
            Typed::Quit => (self.input_ended, self.stay) = (true, false),
            Typed::Unknown(command) => {
                let command = printable(&command);
                self.screen.say(&format!("-- there is no command /{command}; /help lists them"));
            }
            Typed::Message(text) => {
                let client_id = ClientId::parse(&MessageId::generate().to_string())
                    .expect("a UUID is short and printable");
                self.mine.insert(client_id.clone());
                self.unacked.push_back((client_id.clone(), text.clone()));
                return Ok(Some((client_id, text)));
            }
        }
        Ok(None)
    }

    async fn send_typed(&mut self, input: Option<Input>, link: &mut Link) -> Result<(), Turn> {
        match self.take_input(input)? {
            Some((client_id, text)) => {
                self.send(client_id, text, link).await.map_err(|error| self.ended(&error))
            }
            None => Ok(()),
        }
    }

    async fn send(
        &mut self,
        client_id: ClientId,
        text: String,
        link: &mut Link,
    ) -> Result<(), LinkError> {
        let Some(room) = self.room else { return Ok(()) };
        let send = Send { room, client_id: client_id.clone(), body: Body::text(text) };
        let id = link.ask(Command::Send(send)).await?;
        self.asked.insert(id, client_id);
        Ok(())
    }

    async fn take(&mut self, heard: Heard, link: &mut Link) -> Result<(), Turn> {
        match heard {
            Heard::Answer { id, .. } if self.ticks.answered(id) => Ok(()),
            Heard::Answer { id, outcome } => self.acknowledged(id, outcome, link).await,
            Heard::Event(event) => match *event {
                Event::Moving { after_ms } => Err(Turn::Moved(Duration::from_millis(after_ms))),
                Event::Expiring { .. } if self.expiry == Expiry::ComeBack => Err(Turn::Expiring),
                event => {
                    self.print(event);
                    Ok(())
                }
            },
            Heard::Nothing => Ok(()),
        }
    }

    async fn acknowledged(
        &mut self,
        id: u64,
        outcome: Result<Box<RawValue>, ErrorView>,
        link: &mut Link,
    ) -> Result<(), Turn> {
        #[derive(Deserialize)]
        struct Ack {
            seq: Seq,
        }

        let Some(client_id) = self.asked.remove(&id) else { return Ok(()) };
        match outcome {
            Err(error) if error.retryable => {
                let pause = Duration::from_millis(error.retry_after_ms.unwrap_or(500));
                tokio::time::sleep(pause).await;
                let text = self.unacked.iter().find(|(known, _)| *known == client_id);
                if let Some((_, text)) = text.cloned() {
                    return self.send(client_id, text, link).await.map_err(|e| self.ended(&e));
                }
            }
            Err(error) => {
                self.unacked.retain(|(known, _)| *known != client_id);
                self.screen.say(&format!("-- not sent: {}", printable(&error.message)));
            }
            Ok(ack) => {
                self.unacked.retain(|(known, _)| *known != client_id);
                if let Ok(Ack { seq }) = serde_json::from_str(ack.get()) {
                    self.ticks.note_own(seq);
                }
            }
        }
        Ok(())
    }
}

fn refused(error: &ErrorView) -> Turn {
    if error.retryable {
        Turn::Broken(error.message.clone())
    } else {
        Turn::Refused(error.message.clone())
    }
}
