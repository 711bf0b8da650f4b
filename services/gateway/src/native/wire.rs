//! The bytes of one connection: messages in, frames out, and how it ends. Knows nothing of requests.

use std::{borrow::Cow, collections::VecDeque, ops::ControlFlow, time::Duration};

use bytes::Bytes;
use hubbub_client_protocol::CloseCode;
use hubbub_domain::Fault;
use tokio::{io::Interest, time::Instant};

use super::codec;
use crate::{
    session::{Closing, Frame},
    ws::{Decoder, Limits, Message, ReadError, Received, Socket, Writer, Written, encode},
};

/// How long a client may take to answer our close frame.
const FAREWELL: Duration = Duration::from_secs(2);

pub(super) struct Wire {
    socket: Socket,
    decoder: Decoder,
    /// Taken from the outbox, not yet taken by the socket.
    pending: VecDeque<Frame>,
    pub(super) last_heard: Instant,
    /// Since when the socket has taken nothing of what is pending.
    pub(super) blocked_since: Option<Instant>,
}

/// How a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// We close, with one of our codes.
    Code(CloseCode, Cow<'static, str>),
    /// The client broke RFC 6455: closed with one of its codes.
    Violation(u16, String),
    /// The client said goodbye; its code is repeated to it.
    Goodbye(Option<u16>),
    /// Nobody is there any more.
    Gone,
}

/// What arrived.
#[derive(Clone, Copy)]
pub(super) enum Incoming<'a> {
    Text(&'a str),
    Binary,
    /// To be answered with the same payload.
    Ping(&'a [u8]),
}

impl From<CloseCode> for Ending {
    fn from(code: CloseCode) -> Self {
        Self::Code(code, code.meaning().into())
    }
}

impl From<Closing> for Ending {
    fn from(closing: Closing) -> Self {
        Self::Code(closing.code, closing.reason)
    }
}

impl Ending {
    /// For the metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Code(code, _) => match code {
                CloseCode::GoingAway => "going_away",
                CloseCode::Silent => "silent",
                CloseCode::TryAgain => "try_again",
                CloseCode::TooSlow => "too_slow",
                CloseCode::Rate => "rate",
                CloseCode::Moved => "moved",
                CloseCode::Unauthenticated => "unauthenticated",
                CloseCode::Revoked => "revoked",
                CloseCode::Protocol => "protocol",
                CloseCode::TooManyConnections => "too_many_connections",
            },
            Self::Violation(..) => "violation",
            Self::Goodbye(_) => "goodbye",
            Self::Gone => "gone",
        }
    }
}

impl Wire {
    pub(super) fn new(socket: Socket, message_bytes_max: usize) -> Self {
        let limits = Limits { message_bytes_max, ..Limits::default() };
        Self {
            socket,
            decoder: Decoder::new(limits),
            pending: VecDeque::new(),
            last_heard: Instant::now(),
            blocked_since: None,
        }
    }

    /// Waits until something can be read (if wanted) or written (if something is pending).
    pub(super) async fn ready(&self, reading: Reading) -> Result<(), Ending> {
        let wanted = match (reading, self.pending.is_empty()) {
            (Reading::Open, true) => Interest::READABLE,
            (Reading::Open, false) => Interest::READABLE | Interest::WRITABLE,
            (Reading::Paused, false) => Interest::WRITABLE,
            (Reading::Paused, true) => return std::future::pending().await,
        };
        if reading == Reading::Open && self.decoder.has_unread() {
            return Ok(());
        }
        self.socket.ready(wanted).await.map(drop).map_err(|_| Ending::Gone)
    }

    /// Reads once and hands over what arrived, until `handle` pauses.
    pub(super) fn read(
        &mut self,
        mut handle: impl FnMut(Incoming<'_>) -> ControlFlow<()>,
    ) -> Result<(), Ending> {
        let Self { socket, decoder, .. } = self;
        let mut goodbye = None;
        let received = socket.read_into(decoder, |message| match message {
            Message::Text(text) => handle(Incoming::Text(text)),
            Message::Binary(_) => handle(Incoming::Binary),
            Message::Ping(payload) => handle(Incoming::Ping(payload)),
            Message::Pong(_) => ControlFlow::Continue(()),
            Message::Close { code, .. } => {
                goodbye = Some(code);
                ControlFlow::Break(())
            }
        });
        if let Some(code) = goodbye {
            return Err(Ending::Goodbye(code));
        }
        match received {
            Ok(Received::Nothing) => {}
            Ok(Received::Some | Received::Paused) => self.last_heard = Instant::now(),
            Ok(Received::End) | Err(ReadError::Io(_)) => return Err(Ending::Gone),
            Err(ReadError::Violation(violation)) => {
                return Err(Ending::Violation(violation.close_code(), violation.to_string()));
            }
        }
        Ok(())
    }

    pub(super) fn push(&mut self, frame: Bytes) {
        self.pending.push_back(frame.into());
    }

    /// For the session's outbox: nothing must be pending here when somebody else begins to write.
    pub(super) fn writer(&self) -> Writer {
        self.socket.writer()
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Puts what the outbox gave behind what is pending.
    pub(super) fn take(&mut self, mut frames: VecDeque<Frame>) {
        if self.pending.is_empty() {
            self.pending = frames;
        } else {
            self.pending.append(&mut frames);
        }
    }

    /// Writes what the socket takes; how many bytes that was.
    pub(super) fn flush(&mut self) -> Result<usize, Ending> {
        match self.socket.try_write(&mut self.pending).map_err(|_| Ending::Gone)? {
            Written::All { bytes } => {
                // A burst must not leave its room behind.
                self.pending = VecDeque::new();
                self.blocked_since = None;
                Ok(bytes)
            }
            Written::Some { bytes } => {
                if bytes > 0 || self.blocked_since.is_none() {
                    self.blocked_since = Some(Instant::now());
                }
                Ok(bytes)
            }
        }
    }

    /// Ends the connection, with a close frame when there is anybody to read it.
    pub(super) async fn close(mut self, ending: Ending) {
        let frame = match ending {
            Ending::Code(code, reason) => encode::close(code.code(), &reason),
            Ending::Violation(code, reason) => encode::close(code, &reason),
            Ending::Goodbye(Some(code)) => encode::close(code, ""),
            Ending::Goodbye(None) => encode::close_without_code(),
            Ending::Gone => return,
        };
        self.pending.push_back(frame.into());
        self.socket.close(self.pending, FAREWELL).await;
    }
}

/// Whether requests are taken from the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Open,
    Paused,
}

/// What cannot be answered ends the connection, after saying what was wrong.
pub(super) fn broken(wire_reply: &mut impl FnMut(Bytes), fault: Fault) -> Ending {
    wire_reply(codec::complaint(&fault));
    Ending::Code(CloseCode::Protocol, fault.message)
}
