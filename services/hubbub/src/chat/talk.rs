//! The conversation as the terminal sees it, over as many connections as it takes.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use hubbub_client_protocol::{
    Command, ErrorView, Event, Hello, History, MessageContent, MessageView, OpenDirect, Opened,
    Page, Read, Resume, Send, Watch, Watched, Welcome,
};
use hubbub_domain::{Body, ClientId, MessageId, Rev, RoomId, Seq, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::{
    link::{Heard, Link},
    presence,
    screen::{describe, printable},
    ticks::{Mark, Ticks},
};
use crate::announce;

/// Close codes from here on say: do not come back (`docs/protocol.md`).
const FINAL_CODES: std::ops::Range<u16> = 4500..5000;

pub(super) struct Talk {
    me: UserId,
    peer: Option<UserId>,
    room: Option<RoomId>,
    stay: bool,
    /// Where to resume: the epoch, and the last revision seen.
    seen: Option<(String, Rev)>,
    /// Sent and not acknowledged, in order.
    unacked: VecDeque<(ClientId, String)>,
    /// Which request carries which of them, on this connection.
    asked: HashMap<u64, ClientId>,
    /// Typed here: not printed again when they come back.
    mine: HashSet<ClientId>,
    ticks: Ticks,
    input_ended: bool,
    welcomed: bool,
    /// What to do when the token is about to end: come back, or stay as long as it lasts.
    expiry: Expiry,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    ComeBack,
    Stay,
}

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

impl Talk {
    pub(super) fn new(me: UserId, peer: Option<UserId>, room: Option<RoomId>, stay: bool) -> Self {
        Self {
            me,
            peer,
            room,
            stay,
            seen: None,
            unacked: VecDeque::new(),
            asked: HashMap::new(),
            mine: HashSet::new(),
            ticks: Ticks::default(),
            input_ended: false,
            welcomed: false,
            expiry: Expiry::Stay,
        }
    }

    pub(super) const fn on_expiry(&mut self, expiry: Expiry) {
        self.expiry = expiry;
    }

    pub(super) const fn was_welcomed(&self) -> bool {
        self.welcomed
    }

    /// Talks over one connection until it ends.
    pub(super) async fn hold(
        &mut self,
        mut link: Link,
        lines: &mut mpsc::Receiver<String>,
    ) -> Turn {
        self.welcomed = false;
        self.asked.clear();
        self.ticks.begin_anew();
        match self.begin(&mut link).await {
            Ok(Ok(())) => self.welcomed = true,
            Ok(Err(error)) => return refused(&error),
            Err(error) => return broken(&error),
        }
        loop {
            if let Err(error) = self.say_what_is_read(&mut link).await {
                return broken(&error);
            }
            let all_said = self.unacked.is_empty() && !self.ticks.is_saying();
            if self.input_ended && all_said && !self.stay {
                link.close().await;
                return Turn::Done;
            }
            let step = tokio::select! {
                heard = link.hear() => match heard {
                    Ok(heard) => self.take(heard, &mut link).await,
                    Err(error) => Err(broken(&error)),
                },
                line = lines.recv(), if !self.input_ended => self.say(line, &mut link).await,
            };
            if let Err(turn) = step {
                return turn;
            }
        }
    }

    /// Hello, the room, what was missed, and what is still to be acknowledged.
    async fn begin(&mut self, link: &mut Link) -> anyhow::Result<Result<(), ErrorView>> {
        let resume = self
            .room
            .zip(self.seen.clone())
            .map(|(room, (epoch, rev))| Resume { epoch, rooms: HashMap::from([(room, rev)]) });
        let first = self.seen.is_none();
        let hello = Command::Hello(Hello { token: None, resume });
        let welcome: Welcome = match link.call(hello, |event| self.print(event)).await? {
            Ok(welcome) => welcome,
            Err(error) => return Ok(Err(error)),
        };
        if let Some((epoch, _)) = &mut self.seen {
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
    async fn look_out(&mut self, link: &mut Link) -> anyhow::Result<()> {
        let Some(peer) = self.peer.clone() else { return Ok(()) };
        let watch = Command::Watch(Watch { users: vec![peer] });
        let watched = link.call::<Watched>(watch, |event| self.print(event)).await?;
        for presence in watched.into_iter().flat_map(|watched| watched.users) {
            self.print(Event::Presence(presence));
        }
        Ok(())
    }

    async fn open(&mut self, link: &mut Link) -> anyhow::Result<Result<(), ErrorView>> {
        let room = match (self.room, self.peer.clone()) {
            (None, Some(peer)) => {
                let open = Command::OpenDirect(OpenDirect { peer });
                match link.call::<Opened>(open, |_| ()).await? {
                    Ok(opened) => opened.room.room,
                    Err(error) => return Ok(Err(error)),
                }
            }
            (Some(room), _) => room,
            (None, None) => anyhow::bail!("neither --with nor --room"),
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
    async fn say_what_is_read(&mut self, link: &mut Link) -> anyhow::Result<()> {
        if let Some((room, seq)) = self.room.zip(self.ticks.to_say()) {
            let id = link.ask(Command::Read(Read { room, seq })).await?;
            self.ticks.asked(id, seq);
        }
        Ok(())
    }

    /// A typed line; `None` at the end of the input.
    async fn say(&mut self, line: Option<String>, link: &mut Link) -> Result<(), Turn> {
        let Some(line) = line else {
            self.input_ended = true;
            return Ok(());
        };
        if line.trim().is_empty() {
            return Ok(());
        }
        let client_id = ClientId::parse(&MessageId::generate().to_string())
            .expect("a UUID is short and printable");
        self.mine.insert(client_id.clone());
        self.unacked.push_back((client_id.clone(), line.clone()));
        self.send(client_id, line, link).await.map_err(|error| broken(&error))
    }

    async fn send(
        &mut self,
        client_id: ClientId,
        text: String,
        link: &mut Link,
    ) -> anyhow::Result<()> {
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
            Heard::Closed { code, reason } if FINAL_CODES.contains(&code) => {
                Err(Turn::Refused(format!("closed by the server: {code} {reason}")))
            }
            Heard::Closed { code, reason } => {
                Err(Turn::Broken(format!("closed by the server: {code} {reason}")))
            }
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
                    return self.send(client_id, text, link).await.map_err(|e| broken(&e));
                }
            }
            Err(error) => {
                self.unacked.retain(|(known, _)| *known != client_id);
                announce::say(format_args!("-- not sent: {}", error.message));
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

    fn print(&mut self, event: Event) {
        match event {
            Event::Message(message) if Some(message.room) == self.room => {
                self.note(message.rev);
                if !self.mine.contains(&message.client_id) {
                    self.print_message(&message);
                }
            }
            Event::Edited { room, rev, seq, body, .. } if Some(room) == self.room => {
                self.note(rev);
                let text = body.map(|body| body.text).unwrap_or_default();
                announce::say(format_args!("-- message {seq} now reads: {}", printable(&text)));
            }
            Event::Deleted { room, rev, seq, .. } if Some(room) == self.room => {
                self.note(rev);
                announce::say(format_args!("-- message {seq} was deleted"));
            }
            Event::Reacted { room, rev, seq, user, emoji, on } if Some(room) == self.room => {
                self.note(rev);
                let did = if on { "reacts to" } else { "takes back, from" };
                let emoji = printable(&emoji);
                announce::say(format_args!("-- {user} {did} message {seq}: {emoji}"));
            }
            Event::Reset { room, epoch, rev, messages, .. } if Some(room) == self.room => {
                announce::say(format_args!("-- too much was missed; the newest messages:"));
                for message in &messages {
                    self.print_message(message);
                }
                self.seen = Some((epoch, rev));
            }
            Event::Typing { room, user, on: true } if Some(room) == self.room => {
                announce::say(format_args!("-- {} is typing", printable(user.as_str())));
            }
            Event::Presence(presence) => {
                if let Some(words) = presence::describe(&presence) {
                    announce::say(format_args!("-- {}", printable(&words)));
                }
            }
            Event::Delivered { room, user, seq } if Some(room) == self.room => {
                self.print_mark(&user, Mark::Delivered, seq);
            }
            Event::Read { room, user, seq } if Some(room) == self.room => {
                self.print_mark(&user, Mark::Read, seq);
            }
            Event::Left { room } if Some(room) == self.room => {
                announce::say(format_args!("-- you are no longer in this room"));
            }
            _ => {}
        }
    }

    fn note(&mut self, rev: Rev) {
        if let Some((_, seen)) = &mut self.seen {
            *seen = (*seen).max(rev);
        }
    }

    fn print_mark(&mut self, user: &UserId, mark: Mark, seq: Seq) {
        if *user != self.me
            && let Some(words) = self.ticks.moved(user, mark, seq)
        {
            announce::say(format_args!("-- {}", printable(&words)));
        }
    }

    fn print_message(&mut self, message: &MessageView) {
        if message.sender == self.me {
            self.ticks.note_own(message.seq);
        } else {
            self.ticks.note_shown(message.seq);
        }
        let moment = message.created_at.to_string();
        let time = moment.get(11..16).unwrap_or_default();
        match &message.content {
            MessageContent::Body(body) => {
                let who = if message.sender == self.me { "me" } else { message.sender.as_str() };
                announce::say(format_args!("[{time}] {who}: {}", printable(&body.text)));
                for attachment in &body.attachments {
                    announce::say(format_args!("[{time}] {who}: <{}>", printable(&attachment.url)));
                }
            }
            MessageContent::System(notice) => {
                announce::say(format_args!("[{time}] * {}", describe(notice)));
            }
            MessageContent::Deleted(_) => announce::say(format_args!("[{time}] (deleted)")),
        }
    }
}

fn refused(error: &ErrorView) -> Turn {
    if error.retryable {
        Turn::Broken(error.message.clone())
    } else {
        Turn::Refused(error.message.clone())
    }
}

fn broken(error: &anyhow::Error) -> Turn {
    Turn::Broken(format!("{error:#}"))
}
