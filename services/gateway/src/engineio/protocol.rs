//! What the engine asks of the protocol above it, and what it offers.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use tokio::time::Instant;

use super::registry::Credentials;
use crate::{
    edge::Admission,
    session::{Closing, Outbox},
    ws::encode,
};

/// Opens the upper half of each session.
pub trait Protocol: Send + Sync + 'static {
    type Session: Session;

    /// A client shook hands. Nothing has been said to it but that.
    fn open(&self, opening: Opening) -> Self::Session;
}

/// The upper half of one session. Owned by the session's task, which does one thing at a time.
pub trait Session: Send + 'static {
    /// Takes a message, without waiting: what it asks for is done by [`work`](Self::work).
    fn message(&mut self, message: Message<'_>) -> Result<(), Broken>;

    /// Enough waits to be done: nothing more is read until something was.
    fn is_full(&self) -> bool;

    /// Bytes kept of messages that are not whole, or wait to be worked on.
    fn held_bytes(&self) -> usize {
        0
    }

    /// Does what waits to be done, and waits itself where there is nothing. May be dropped while it
    /// waits, and goes on when it is called again.
    fn work(&mut self) -> impl Future<Output = ()> + Send;

    /// Called after anything that happened: what waits for room in the outbox may have it now.
    fn look(&mut self);

    /// When [`tick`](Self::tick) is to be called, if the session lasts as long.
    fn deadline(&self) -> Option<Instant>;

    /// The deadline is over; an error ends the session.
    fn tick(&mut self, now: Instant) -> Result<(), Broken>;

    /// The server ends the session: the last words, if there are any.
    fn farewell(&mut self, come_back: bool);

    /// The end. What was asked for before is done first. Cut off after a while.
    fn close(self, reason: Reason) -> impl Future<Output = ()> + Send;
}

/// What the client said.
#[derive(Debug)]
pub enum Message<'a> {
    Text(&'a str),
    Binary(Bytes),
}

/// The client said what cannot be: the session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub &'static str);

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The client said that it ends.
    ClientClosed,
    /// The transport is gone.
    TransportClosed,
    /// The client did not answer a ping in time, or takes nothing.
    PingTimeout,
    /// What the client said was not a packet, or not to be said there.
    ParseError,
    /// We ended it.
    ServerClosed,
}

impl Reason {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientClosed => "client_closed",
            Self::TransportClosed => "transport_closed",
            Self::PingTimeout => "ping_timeout",
            Self::ParseError => "parse_error",
            Self::ServerClosed => "server_closed",
        }
    }
}

/// What a session begins with.
pub struct Opening {
    pub outgoing: Outgoing,
    pub request: Arc<Request>,
    /// When the handshake was.
    pub at: Instant,
    /// Charges the client's address for what a session may do once and its client does again.
    pub admission: Arc<Admission>,
}

/// What is known from the handshake's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Decoded, in the order it was sent. May hold a token: never to be logged.
    pub query: Vec<(String, String)>,
    /// The token of an `Authorization: Bearer` header.
    pub bearer: Option<String>,
    pub address: IpAddr,
}

impl Request {
    /// The first value of a name in the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The way to one client, for whoever has something to say to it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub(super) outbox: Arc<Outbox>,
    pub(super) credentials: Arc<Credentials>,
}

impl Outgoing {
    /// Sends a message. Over twice the bound of what may wait the client is given up as too slow.
    pub fn text(&self, message: &str) {
        self.send(text_frame(message.len(), |out| out.extend_from_slice(message.as_bytes())));
    }

    pub fn binary(&self, message: &[u8]) {
        self.send(encode::binary(message));
    }

    /// Sends frames that others are sent too.
    pub(crate) fn send(&self, frames: Bytes) {
        self.outbox.event(frames);
    }

    /// Sends an answer: nothing more is read from the client while its outbox is full, so there are
    /// at most as many as it has asked for.
    pub(crate) fn reply(&self, frames: Bytes) {
        self.outbox.reply(frames);
    }

    /// Who the client has turned out to be: its requests may carry this token from now on.
    pub(crate) fn vouch(&self, token: &str) {
        self.credentials.add(token);
    }

    /// Ends the session.
    pub(crate) fn close(&self, closing: impl Into<Closing>) {
        self.outbox.close(closing);
    }

    pub(crate) const fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }
}

/// A text message in its packet, in its frame; `write` appends UTF-8.
pub(crate) fn text_frame(bytes: usize, write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let framed = encode::text_with(1 + bytes, |out| {
        out.push(b'4');
        write(out);
        Ok::<_, std::convert::Infallible>(())
    });
    framed.unwrap_or_else(|never| match never {})
}
