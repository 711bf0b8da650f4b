//! What a namespace is to the protocol, and what it is told.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use hubbub_client_protocol::socketio::{Args, Event, Head};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{Socket, frames};
use crate::engineio::{self, Outgoing};

/// A place to be in. One value serves all clients.
#[async_trait]
pub trait Namespace: Send + Sync + 'static {
    /// A client wants in. Its later packets wait until this is answered. Dropped if the client goes
    /// away meanwhile: what it has entered must leave by itself then.
    async fn connect(&self, connect: Connect) -> Result<Admitted, Refusal>;
}

/// One client in one namespace.
///
/// `event`, `opened` and `closed` are called one at a time, by the session's task; `look`, `deadline`
/// and `due` by the same task, also while one of those is under way. They must not block.
#[async_trait]
pub trait Participant: Send + Sync + 'static {
    /// The client was told that it is in: from here on it may be told more.
    async fn opened(&self) {}

    /// The client emitted an event. The next packet waits until this returns; an answer may be given
    /// later, from anywhere.
    async fn event(&self, event: Event, ack: Option<Ack>);

    /// Called after anything that happened to the connection: its outbox may have drained.
    fn look(&self) {}

    /// When [`due`](Self::due) is to be called. Asked again after anything that happened.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The deadline is over, by this time. It must then lie later, or be `None`.
    fn due(&self, _now: Instant) {}

    /// The client is gone from the namespace, for whatever reason. Called once, last.
    async fn closed(&self, departure: Departure);
}

/// A client's wish to be in.
pub struct Connect {
    /// The client, if it is let in. Nothing may be said to it before it is.
    pub socket: Socket,
    /// What the client calls `auth`.
    pub auth: Option<Map<String, Value>>,
    /// What its handshake said.
    pub request: Arc<engineio::Request>,
}

impl Connect {
    /// The token the client brings, wherever it says it: `auth.token`, the query of the handshake, or
    /// its `Authorization` header.
    pub fn token(&self) -> Option<&str> {
        let auth = self.auth.as_ref().and_then(|auth| auth.get("token")?.as_str());
        auth.or_else(|| self.request.query("token"))
            .or_else(|| self.request.query("access_token"))
            .or(self.request.bearer.as_deref())
    }

    /// What a client that was here before wants to go on from: the `pid` it was given, and the offset
    /// of the last event it has seen (the last argument of an event).
    pub fn recovery(&self) -> Option<(&str, &str)> {
        let text = |name: &str| self.auth.as_ref()?.get(name)?.as_str();
        Some((text("pid")?, text("offset")?))
    }
}

/// A client that is let in.
pub struct Admitted {
    /// The client's, or the same by the id it had before ([`Socket::known_as`]).
    pub socket: Socket,
    pub participant: Arc<dyn Participant>,
    /// The private id by which the client may come back and be told what it missed; `None` where that
    /// is not offered.
    pub pid: Option<String>,
}

/// Why a client is not let in: told to it as `connect_error`.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub message: String,
    /// For programs: `{"code": …}`.
    pub data: Option<Value>,
}

/// How a client left a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It said so, for this namespace.
    Client,
    /// [`Socket::disconnect`].
    Server,
    /// The connection ended.
    Connection(engineio::Reason),
}

/// The answer a client asked for. Sent at most once; if it is dropped the client waits in vain, as
/// far as its own time-out.
#[derive(Debug)]
pub struct Ack {
    pub(super) outgoing: Outgoing,
    pub(super) namespace: &'static str,
    pub(super) id: u64,
}

impl Ack {
    /// `args` serializes as a list.
    pub fn send(self, args: &(impl Serialize + ?Sized)) {
        self.send_with(args, &[]);
    }

    /// With attachments, whose places are named as in an event.
    pub fn send_with(self, args: &(impl Serialize + ?Sized), attachments: &[Bytes]) {
        let id = Some(self.id);
        let head = Head { namespace: self.namespace, id, attachments: attachments.len() };
        self.outgoing.reply(frames::ack(&head, args, attachments));
    }

    /// With what was received.
    pub fn send_args(self, args: &Args) {
        self.send_with(&args.values, &args.attachments);
    }
}
