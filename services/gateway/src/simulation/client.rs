//! A simulated client: follows its rooms, says and does things at random, breaks off at any moment,
//! reads slowly or not at all for a while, comes back to any gateway with its revs, and sends again
//! what was not acknowledged. It writes down what it sees, for testkit's checker.

mod actions;
mod hearing;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use hubbub_client_protocol::{Command, Request, RequestId, Resume, Send};
use hubbub_domain::{Rev, RoomId, Seq, UserId};
use hubbub_testkit::checker::ClientLog;
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::{
    backend::Backend,
    dice::Dice,
    door::{Connection, Door, PlainCodec},
    trace::Trace,
};
use crate::core::{Core, Opening};

/// How long the door gives a client to say hello, and the gateway to welcome it.
const WELCOME_PATIENCE: Duration = Duration::from_secs(5);
/// A connection on which something was asked and nothing answered for so long is given up.
const SILENCE: Duration = Duration::from_secs(15);

/// How far a world has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Faults strike, and clients do what they like.
    Storm,
    /// Nothing goes wrong any more; clients only listen and send what is unacknowledged.
    Calm,
    /// Everybody leaves.
    Over,
}

/// What a client can do things with.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) gateways: Vec<Arc<Core>>,
    pub(super) backend: Arc<Backend>,
    pub(super) trace: Arc<Trace>,
    pub(super) phase: watch::Receiver<Phase>,
    /// Everybody, and all rooms there are.
    pub(super) users: Arc<[UserId]>,
    pub(super) rooms: Arc<[RoomId]>,
}

/// What the world may look at while the client lives.
pub(super) struct Diary {
    pub(super) log: ClientLog,
    pub(super) unacked: usize,
    pub(super) connected: bool,
}

pub(super) struct Client {
    user: UserId,
    /// For the trace: a user may have several clients.
    name: String,
    around: Surroundings,
    dice: Dice,
    diary: Arc<Mutex<Diary>>,
    epoch: String,
    /// Sent and not answered for good, in order.
    unacked: VecDeque<Send>,
    /// Our own departures, as our views of the rooms showed them.
    departed: BTreeMap<RoomId, Rev>,
    /// To have something to edit.
    last_said: Option<(RoomId, Seq)>,
    next_id: u64,
}

/// One connection's own state.
struct Talk {
    connection: Connection,
    /// What was asked and not answered.
    asked: BTreeMap<u64, Command>,
    /// Since when an answer is missing.
    waiting_since: Option<Instant>,
    /// Something could not be asked.
    overflowed: bool,
}

/// The connection is over.
struct Broken;

impl Client {
    pub(super) fn new(user: UserId, number: usize, around: Surroundings, dice: Dice) -> Self {
        let log = ClientLog::new(user.clone());
        let diary = Arc::new(Mutex::new(Diary { log, unacked: 0, connected: false }));
        Self {
            name: format!("{user}#{number}"),
            user,
            around,
            dice,
            diary,
            epoch: String::new(),
            unacked: VecDeque::new(),
            departed: BTreeMap::new(),
            last_said: None,
            next_id: 1,
        }
    }

    pub(super) fn diary(&self) -> Arc<Mutex<Diary>> {
        Arc::clone(&self.diary)
    }

    pub(super) async fn run(mut self) {
        self.dice.pause(0..500).await;
        while self.phase() != Phase::Over {
            if let Some(mut talk) = self.connect().await {
                self.diary.lock().connected = true;
                let Broken = self.talk(&mut talk).await;
                self.diary.lock().connected = false;
                self.around.trace.note(format_args!("{} breaks off", self.name));
            }
            self.dice.pause(1..400).await;
        }
    }

    fn phase(&self) -> Phase {
        *self.around.phase.borrow()
    }

    async fn connect(&mut self) -> Option<Talk> {
        let number = self.dice.below(self.around.gateways.len());
        let core = Arc::clone(&self.around.gateways[number]);
        let rooms = self.diary.lock().log.revs.clone();
        let resume = (!self.epoch.is_empty() && self.dice.chance(0.9))
            .then(|| Resume { epoch: self.epoch.clone(), rooms });
        if resume.is_none() {
            // A client that has lost what it knew.
            self.forget();
        }
        let opening = Opening::plain(&PlainCodec, core.config.session.outbox_bytes_max, resume);
        let welcome = core.welcome(&self.user, opening);
        let welcomed = timeout(WELCOME_PATIENCE, welcome).await;
        let Ok(Ok(mut welcomed)) = welcomed else {
            self.around.trace.note(format_args!("{} is not let in at {number}", self.name));
            return None;
        };
        self.welcomed(&mut welcomed, number);
        let connection = Door::open(&core, welcomed, &self.around.trace);
        let mut talk =
            Talk { connection, asked: BTreeMap::new(), waiting_since: None, overflowed: false };
        for send in self.unacked.clone() {
            self.ask(&mut talk, Command::Send(send));
        }
        Some(talk)
    }

    /// Until the connection ends.
    async fn talk(&mut self, talk: &mut Talk) -> Broken {
        let mut next_action = Instant::now() + self.dice.millis(0..400);
        loop {
            let calm = self.phase() == Phase::Calm;
            let silent = talk.waiting_since.is_some_and(|since| since.elapsed() > SILENCE);
            if silent || talk.overflowed || self.phase() == Phase::Over {
                return Broken;
            }
            tokio::select! {
                biased;
                frame = talk.connection.frames.recv() => {
                    let Some(frame) = frame else { return Broken };
                    if self.hear(talk, &frame).await.is_err() {
                        return Broken;
                    }
                }
                () = sleep(next_action.saturating_duration_since(Instant::now())) => {
                    next_action = Instant::now() + self.dice.millis(20..700);
                    if !calm && self.act(talk).await.is_err() {
                        return Broken;
                    }
                }
            }
        }
    }

    /// A full pipe takes no request: what has to be sent is sent on the next connection.
    fn ask(&mut self, talk: &mut Talk, command: Command) {
        let id = self.next_id;
        self.next_id += 1;
        let request = Request { id: RequestId::Number(id), command: command.clone() };
        if talk.connection.requests.try_send(request).is_ok() {
            talk.asked.insert(id, command);
        } else {
            talk.overflowed = true;
        }
        talk.waiting_since.get_or_insert_with(Instant::now);
    }

    fn saw(&self, frame: &Bytes, room: RoomId, rev: Rev) {
        self.around.trace.saw(room, rev, frame);
        self.around.trace.note(format_args!("{} sees {room} rev {rev}", self.name));
    }
}
