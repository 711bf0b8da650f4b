//! One client in `/chat`: a session of the core, and how it is spoken with.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use hubbub_auth::{Claims, Verifier};
use hubbub_client_protocol::chat::Told;
use hubbub_domain::Fault;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{ChatDoor, TOO_FAST, answer::Answer, codec, trail::Trail};
use crate::{
    core::{Caller, Core, Plan, Welcomed},
    edge::ConnectionGuard,
    metrics,
    session::{Due, Expiry, Session},
    socketio::{Ack, Departure, Event, Participant, Socket},
};

pub(super) struct Seat {
    pub(super) core: Arc<Core>,
    pub(super) verifier: Verifier,
    pub(super) socket: Socket,
    pub(super) caller: Caller,
    pub(super) session: Arc<Session>,
    pub(super) trail: Arc<Trail>,
    /// The socket hears its own messages.
    pub(super) echo: bool,
    pub(super) expiry: Mutex<Expiry>,
    /// Refusals for speed since an event last passed.
    refused_in_a_row: AtomicU32,
    /// Carried out once the client was told that it is in.
    plan: Mutex<Option<Box<Plan>>>,
    counted: Option<ConnectionGuard>,
}

impl Seat {
    pub(super) fn new(
        door: &ChatDoor,
        socket: Socket,
        (welcomed, trail): (Welcomed, Arc<Trail>),
        claims: &Claims,
    ) -> Self {
        let Welcomed { caller, session, plan, .. } = welcomed;
        let expiry = door.core.expiry_of(claims);
        Self {
            core: Arc::clone(&door.core),
            verifier: door.verifier.clone(),
            socket,
            caller,
            session,
            trail,
            echo: true,
            expiry: Mutex::new(expiry),
            refused_in_a_row: AtomicU32::new(0),
            plan: Mutex::new(Some(Box::new(plan))),
            counted: None,
        }
    }

    pub(super) const fn echo(mut self, echo: bool) -> Self {
        self.echo = echo;
        self
    }

    /// Counts the seat as one of its user's connections.
    pub(super) fn counted(mut self, guard: ConnectionGuard) -> Self {
        self.counted = Some(guard);
        self
    }

    /// Says which rooms are entered now.
    pub(super) fn tell_entered(&self) {
        self.trail.tell_entered(self.session.outbox());
    }

    /// Notes whether an event was within its user's rate. One that never is ends its connection.
    pub(super) fn note_rate(&self, admitted: Result<(), Fault>) -> Result<(), Fault> {
        if admitted.is_ok() {
            self.refused_in_a_row.store(0, Ordering::Relaxed);
        } else {
            let refused = self.refused_in_a_row.fetch_add(1, Ordering::Relaxed);
            if refused >= self.core.config.session.rate_refusals_max {
                self.socket.close(TOO_FAST);
            }
        }
        admitted
    }
}

#[async_trait]
impl Participant for Seat {
    async fn opened(&self) {
        let Some(plan) = self.plan.lock().take() else { return };
        self.tell_entered();
        self.core.sessions.enter(&self.session);
        self.core.start(&self.session, *plan);
    }

    async fn event(&self, event: Event, ack: Option<Ack>) {
        let Event { name, args } = event;
        let answer = Answer { socket: self.socket.clone(), event: name.clone(), ack };
        self.hear(&name, args.values, answer).await;
    }

    fn look(&self) {
        if self.session.is_behind() && self.session.outbox().has_drained() {
            self.core.hub.catch_up(&self.session);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.expiry.lock().deadline())
    }

    fn due(&self, now: Instant) {
        match self.expiry.lock().due(now) {
            Due::Nothing => {}
            Due::Notice(expires_at) => {
                let told = Told::expiring(expires_at);
                self.session.outbox().event(codec::frame(&told, None));
            }
            Due::End => self.socket.disconnect(),
        }
    }

    async fn closed(&self, departure: Departure) {
        self.core.sessions.leave(&self.session);
        self.core.end(&self.session);
        metrics::session_ended(match departure {
            Departure::Client => "client_left",
            Departure::Server => "disconnected",
            Departure::Connection(reason) => reason.as_str(),
        });
    }
}
