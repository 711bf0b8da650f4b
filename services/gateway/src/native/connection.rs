//! One client's connection after the upgrade: the task that owns the socket.
//!
//! Requests take effect in the order they were sent: one is carried out at a time, except that a
//! `send` is only handed over (its answer comes when it is stored), so that a sender may have many
//! under way and they still keep their order.

use std::{pin::Pin, sync::Arc};

use hubbub_client_protocol::{CloseCode, Event};
use tokio::time::{Instant, Sleep};

use super::{
    NativeDoor,
    hello::{self, Admitted, Heartbeat},
    requests::{Requests, Work},
};
use crate::{
    core::Caller,
    edge::ConnectionGuard,
    metrics,
    session::{Due, Ending, Expiry, Reading, Session, Wake, Wire},
    ws::{Socket, encode},
};

pub(super) struct Connection {
    pub(super) door: NativeDoor,
    pub(super) wire: Wire,
    pub(super) caller: Caller,
    pub(super) session: Arc<Session>,
    pub(super) requests: Requests,
    pub(super) expiry: Expiry,
    heartbeat: Heartbeat,
    pinged_at: Option<Instant>,
    _counted: ConnectionGuard,
}

impl Connection {
    /// From the upgrade to the end. The beginning, the connection and its end have places of their own in
    /// memory: a future keeps room for all it could come to for as long as the client is there.
    pub(super) async fn run(door: NativeDoor, socket: Socket, token: Option<String>) {
        let Some(mut connection) = Box::pin(Self::begin(door, socket, token)).await else { return };
        let ending = connection.live().await;
        Box::pin(connection.end(ending)).await;
    }

    /// `None` when the client was not let in.
    async fn begin(door: NativeDoor, socket: Socket, token: Option<String>) -> Option<Box<Self>> {
        let config = &door.core.config.session;
        let mut wire = Wire::new(socket, door.core.config.hello_bytes_max());
        let greeting =
            tokio::time::timeout(config.hello_timeout, hello::greet(&door, &mut wire, token));
        let ending = match greeting.await {
            Ok(Ok(admitted)) => {
                wire.set_message_bytes_max(config.frame_bytes_max);
                return Some(Box::new(Self::enter(door, wire, admitted)));
            }
            Ok(Err(ending)) => ending,
            Err(_elapsed) => {
                let reason = "no token and hello within the time allowed";
                Ending::Code(CloseCode::Unauthenticated, reason.into())
            }
        };
        metrics::session_ended(ending.name());
        wire.close(ending).await;
        None
    }

    fn enter(door: NativeDoor, wire: Wire, admitted: Admitted) -> Self {
        let Admitted { caller, session, plan, expiry, heartbeat, guard } = admitted;
        door.core.sessions.enter(&session);
        door.core.start(&session, plan);
        Self {
            door,
            wire,
            caller,
            session,
            requests: Requests::default(),
            expiry,
            heartbeat,
            pinged_at: None,
            _counted: guard,
        }
    }

    async fn end(mut self: Box<Self>, ending: Ending) {
        let (core, session) = (&self.door.core, &self.session);
        self.wire.take(session.outbox().close_line().into_iter().collect());
        core.sessions.leave(session);
        core.end(session);
        metrics::session_ended(ending.name());
        tracing::debug!(ending = ending.name(), "a session ended");
        self.wire.close(ending).await;
    }

    async fn live(&mut self) -> Ending {
        let abort = self.door.abort.clone();
        let mut timer = Box::pin(tokio::time::sleep_until(self.next_tick()));
        loop {
            let step = tokio::select! {
                () = abort.cancelled() => Err(CloseCode::GoingAway.into()),
                step = self.step(&mut timer) => step,
            };
            if let Err(ending) = step {
                return ending;
            }
        }
    }

    /// Waits for whatever comes first, and does it.
    async fn step(&mut self, timer: &mut Pin<Box<Sleep>>) -> Result<(), Ending> {
        self.requests.begin_next(&self.door, &self.caller);
        let reading = self.reading();
        let Self { wire, session, requests, .. } = self;
        let awaited = tokio::select! {
            wake = session.outbox().woken(), if !wire.has_pending() => Awaited::Outbox(wake),
            closing = session.outbox().closed(), if wire.has_pending() => {
                Awaited::Outbox(Wake::Close(closing))
            }
            ready = wire.ready(reading) => ready.map(|()| Awaited::Socket)?,
            work = requests.at_work() => Awaited::Work(work),
            () = timer.as_mut() => Awaited::Timer,
        };
        match awaited {
            Awaited::Outbox(Wake::Close(closing)) => return self.close(closing.into()),
            Awaited::Outbox(Wake::Work) => self.flush()?,
            Awaited::Socket => {
                self.flush()?;
                if reading == Reading::Open {
                    self.read()?;
                    // Answers that were ready at once leave together.
                    self.flush()?;
                }
            }
            Awaited::Work(work) => self.finish(work).await?,
            Awaited::Timer => {
                self.tick()?;
                timer.as_mut().reset(self.next_tick());
            }
        }
        let hurried = self.wire.blocked_since.is_some() || self.wire.begun_at.is_some();
        if hurried && self.next_tick() < timer.deadline() {
            timer.as_mut().reset(self.next_tick());
        }
        if self.session.is_behind() && self.session.outbox().has_drained() {
            self.door.core.hub.catch_up(&self.session);
        }
        Ok(())
    }

    /// While the outbox is full, or enough requests wait, the socket is left alone: the client is
    /// slowed down by its own answers.
    fn reading(&self) -> Reading {
        let room = self.requests.len() < self.door.core.config.session.requests_queued_max;
        if room && !self.session.outbox().is_full() { Reading::Open } else { Reading::Paused }
    }

    fn flush(&mut self) -> Result<(), Ending> {
        self.wire.flush_from(self.session.outbox())
    }

    /// Says what waits to be said before the end.
    pub(super) fn close(&mut self, ending: Ending) -> Result<(), Ending> {
        self.flush()?;
        Err(ending)
    }

    /// The earliest moment at which a time-out could be over.
    fn next_tick(&self) -> Instant {
        let config = &self.door.core.config.session;
        let heartbeat = match self.pinged_at {
            Some(pinged) => pinged + config.ping_timeout,
            None => self.wire.last_heard + config.ping_interval,
        };
        let expiry = self.expiry.deadline();
        let write = self.wire.blocked_since.map(|since| since + config.write_timeout);
        let message = self.wire.begun_at.map(|begun| begun + config.message_timeout);
        write.into_iter().chain(message).fold(heartbeat.min(expiry), Instant::min)
    }

    fn tick(&mut self) -> Result<(), Ending> {
        let config = &self.door.core.config.session;
        let now = Instant::now();
        if self.wire.blocked_since.is_some_and(|since| now >= since + config.write_timeout) {
            return Err(CloseCode::TooSlow.into());
        }
        if self.wire.begun_at.is_some_and(|begun| now >= begun + config.message_timeout) {
            let reason = "a message did not arrive in time".into();
            return self.close(Ending::Code(CloseCode::Protocol, reason));
        }
        match self.pinged_at {
            Some(pinged) if self.wire.last_heard > pinged => self.pinged_at = None,
            Some(pinged) if now >= pinged + config.ping_timeout => {
                return Err(CloseCode::Silent.into());
            }
            None if now >= self.wire.last_heard + config.ping_interval => {
                self.pinged_at = Some(now);
                self.ping();
            }
            _ => {}
        }
        match self.expiry.due(now) {
            Due::Nothing => {}
            Due::Notice(expires_at) => self.session.tell(&Event::Expiring { expires_at }),
            Due::End => {
                let reason = "the token has expired".into();
                return self.close(Ending::Code(CloseCode::Unauthenticated, reason));
            }
        }
        Ok(())
    }
}

impl Connection {
    /// Asks the client whether it is there.
    fn ping(&self) {
        match self.heartbeat {
            Heartbeat::Frame => self.session.outbox().reply(encode::ping()),
            Heartbeat::Event => self.session.tell(&Event::Ping {}),
        }
    }
}

enum Awaited {
    Outbox(Wake),
    Socket,
    Work(Work),
    Timer,
}
