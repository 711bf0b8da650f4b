//! The door of simulated clients: a session's task as the native door's, over a pipe instead of a
//! socket. The pipe holds little, as a socket's buffer does; what the client does not read stays in
//! the session's outbox, whose bound is checked at every turn.

use std::{collections::VecDeque, pin::Pin, sync::Arc};

use bytes::Bytes;
use futures::FutureExt as _;
use hubbub_client_protocol::{Command, Event, Reply, Request, RequestId};
use hubbub_domain::{Change, Fault, RoomId};
use tokio::sync::mpsc;

use super::trace::Trace;
use crate::{
    core::{Caller, Core, Welcomed},
    session::{Codec, Frame, Session, Wake},
};

/// Frames on their way to a client that reads nothing. At the bound they stay in the outbox.
const PIPE_FRAMES_MAX: usize = 4;
/// Requests on their way to the gateway. At the bound the client asks later.
const REQUESTS_MAX: usize = 16;
/// What may wait beyond twice the bound: a page of a reset, and the answers to what was asked.
const REPLIES_BYTES_MAX: usize = 32 * 1024;

/// The client's end of a connection. Dropping it breaks the connection off.
pub(super) struct Connection {
    pub(super) frames: mpsc::Receiver<Bytes>,
    pub(super) requests: mpsc::Sender<Request>,
}

/// JSON without frames around it.
pub(super) struct PlainCodec;

impl Codec for PlainCodec {
    fn slot(&self) -> usize {
        0
    }

    fn change(&self, room: RoomId, change: &Change) -> Bytes {
        self.event(&Event::of_change(room, change.clone()))
    }

    fn event(&self, event: &Event) -> Bytes {
        event.encode().into()
    }
}

type Running = Pin<Box<dyn Future<Output = Option<(RequestId, Result<Reply, Fault>)>> + Send>>;

/// A session's task.
pub(super) struct Door {
    core: Arc<Core>,
    caller: Caller,
    session: Arc<Session>,
    trace: Arc<Trace>,
    pipe: mpsc::Sender<Bytes>,
    requests: mpsc::Receiver<Request>,
    pending: VecDeque<Frame>,
    running: Option<Running>,
}

/// What a turn waited for.
enum Awaited {
    Gone,
    Outbox(Wake),
    Room,
    Request(Option<Request>),
    Done(Option<(RequestId, Result<Reply, Fault>)>),
}

impl Door {
    /// Lets a welcomed client in.
    pub(super) fn open(core: &Arc<Core>, welcomed: Welcomed, trace: &Arc<Trace>) -> Connection {
        let (pipe, frames) = mpsc::channel(PIPE_FRAMES_MAX);
        let (requests, receiver) = mpsc::channel(REQUESTS_MAX);
        let Welcomed { caller, session, plan, .. } = welcomed;
        core.sessions.enter(&session);
        core.start(&session, plan);
        let door = Self {
            core: Arc::clone(core),
            caller,
            session,
            trace: Arc::clone(trace),
            pipe,
            requests: receiver,
            pending: VecDeque::new(),
            running: None,
        };
        tokio::spawn(door.run());
        Connection { frames, requests }
    }

    async fn run(mut self) {
        while self.turn().await {
            self.flush();
            self.check_bound();
            if self.session.is_behind() && self.session.outbox().has_drained() {
                self.core.hub.catch_up(&self.session);
            }
        }
        self.flush();
        self.core.sessions.leave(&self.session);
        self.core.end(&self.session);
    }

    /// Waits for whatever comes first, and does it. False at the end.
    async fn turn(&mut self) -> bool {
        let outbox = self.session.outbox();
        let idle = self.running.is_none();
        let running = async {
            match &mut self.running {
                Some(running) => running.await,
                None => std::future::pending().await,
            }
        };
        let blocked = !self.pending.is_empty();
        let awaited = tokio::select! {
            biased;
            () = self.pipe.closed() => Awaited::Gone,
            wake = outbox.woken(), if !blocked => Awaited::Outbox(wake),
            closing = outbox.closed(), if blocked => Awaited::Outbox(Wake::Close(closing)),
            _room = self.pipe.reserve(), if blocked => Awaited::Room,
            done = running => Awaited::Done(done),
            request = self.requests.recv(), if idle && !outbox.is_full() => {
                Awaited::Request(request)
            }
        };
        match awaited {
            Awaited::Gone | Awaited::Request(None) | Awaited::Outbox(Wake::Close(_)) => false,
            Awaited::Outbox(Wake::Work) | Awaited::Room => true,
            Awaited::Request(Some(request)) => {
                self.running = Some(self.begin(request));
                true
            }
            Awaited::Done(answer) => {
                self.running = None;
                if let Some((id, outcome)) = answer {
                    self.session.outbox().reply(encode(&id, &outcome));
                }
                true
            }
        }
    }

    /// Requests are carried out one at a time; a `send` is answered when it is stored.
    fn begin(&self, request: Request) -> Running {
        let (core, caller) = (Arc::clone(&self.core), self.caller.clone());
        let Request { id, command } = request;
        match command {
            Command::Send(send) => {
                let session = Arc::downgrade(&self.session);
                let done = Box::new(move |outcome: Result<crate::backends::Appended, Fault>| {
                    if let Some(session) = session.upgrade() {
                        let outcome = outcome.map(|appended| Reply::Appended(appended.into()));
                        session.outbox().reply(encode(&id, &outcome));
                    }
                });
                async move {
                    core.submit(&caller, send, done).await;
                    None
                }
                .boxed()
            }
            command => async move {
                let outcome = core.execute(&caller, command).await;
                Some((id, outcome))
            }
            .boxed(),
        }
    }

    fn flush(&mut self) {
        loop {
            if self.pending.is_empty() {
                self.pending = self.session.outbox().take();
            }
            let Some(frame) = self.pending.front() else { return };
            let bytes = frame.bytes.len();
            if self.pipe.try_send(frame.bytes.clone()).is_err() {
                return;
            }
            self.session.outbox().written(bytes);
            self.pending.pop_front();
        }
    }

    fn check_bound(&self) {
        let waiting = self.session.outbox().waiting_bytes();
        let bound = 2 * self.core.config.session.outbox_bytes_max + REPLIES_BYTES_MAX;
        if waiting > bound {
            let user = self.session.user();
            self.trace.breach(format!("{waiting} bytes wait for {user}; the bound is {bound}"));
        }
    }
}

fn encode(id: &RequestId, outcome: &Result<Reply, Fault>) -> Bytes {
    match outcome {
        Ok(reply) => reply.encode(id).into(),
        Err(fault) => Reply::encode_fault(Some(id), fault).into(),
    }
}
