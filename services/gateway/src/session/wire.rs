//! The bytes of one connection: messages in, frames out, and how it ends. Knows nothing of requests.

use std::{borrow::Cow, collections::VecDeque, ops::ControlFlow, time::Duration};

use bytes::Bytes;
use hubbub_client_protocol::CloseCode;
use tokio::{io::Interest, time::Instant};

use super::{Closing, Frame, Outbox};
use crate::{
    edge::Unfinished,
    ws::{Decoder, Limits, Message, ReadError, Received, Socket, Written, encode},
};

/// How long a client may take to answer our close frame.
const FAREWELL: Duration = Duration::from_secs(2);

pub(crate) struct Wire {
    socket: Socket,
    decoder: Decoder,
    /// Taken from the outbox, not yet taken by the socket.
    pending: VecDeque<Frame>,
    pub(crate) last_heard: Instant,
    /// When the message began of which only a part has arrived.
    pub(crate) begun_at: Option<Instant>,
    /// Since when the socket has taken nothing of what is pending.
    pub(crate) blocked_since: Option<Instant>,
    /// What is delivered to many may be written past the connection's task.
    line_open: bool,
    /// Counts what is held of a message that is not complete.
    unfinished: Option<Unfinished>,
}

/// How a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// We close, with one of our codes.
    Code(CloseCode, Cow<'static, str>),
    /// The client broke RFC 6455: closed with one of its codes.
    Violation(u16, String),
    /// We close, without a code: the client's library knows why from what was said before.
    Done,
    /// The client said goodbye; its code is repeated to it.
    Goodbye(Option<u16>),
    /// Nobody is there any more.
    Gone,
}

/// What arrived.
#[derive(Clone, Copy)]
pub(crate) enum Incoming<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
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
    pub(crate) fn name(&self) -> &'static str {
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
                CloseCode::Banned => "banned",
                CloseCode::Protocol => "protocol",
                CloseCode::TooManyConnections => "too_many_connections",
                CloseCode::Service(_) => "service",
            },
            Self::Violation(..) => "violation",
            Self::Done => "done",
            Self::Goodbye(_) => "goodbye",
            Self::Gone => "gone",
        }
    }
}

impl Wire {
    pub(crate) fn new(socket: Socket, message_bytes_max: usize) -> Self {
        let limits = Limits { message_bytes_max, ..Limits::default() };
        Self {
            unfinished: socket.unfinished(),
            socket,
            decoder: Decoder::new(limits),
            pending: VecDeque::new(),
            last_heard: Instant::now(),
            begun_at: None,
            blocked_since: None,
            line_open: false,
        }
    }

    /// Another bound for the messages from here on.
    pub(crate) const fn set_message_bytes_max(&mut self, message_bytes_max: usize) {
        self.decoder.set_message_bytes_max(message_bytes_max);
    }

    /// Waits until something can be read (if wanted) or written (if something is pending).
    pub(crate) async fn ready(&self, reading: Reading) -> Result<(), Ending> {
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
    pub(crate) fn read(
        &mut self,
        handle: impl FnMut(Incoming<'_>) -> ControlFlow<()>,
    ) -> Result<(), Ending> {
        self.read_when(Asked::WhenReady, handle)
    }

    /// As [`read`](Self::read), or whatever the kernel has said of it.
    pub(crate) fn read_when(
        &mut self,
        asked: Asked,
        mut handle: impl FnMut(Incoming<'_>) -> ControlFlow<()>,
    ) -> Result<(), Ending> {
        let Self { socket, decoder, .. } = self;
        let (mut goodbye, mut whole) = (None, false);
        let hand_over = |message: Message<'_>| match message {
            Message::Text(text) => {
                whole = true;
                handle(Incoming::Text(text))
            }
            Message::Binary(bytes) => {
                whole = true;
                handle(Incoming::Binary(bytes))
            }
            Message::Ping(payload) => handle(Incoming::Ping(payload)),
            Message::Pong(_) => ControlFlow::Continue(()),
            Message::Close { code, .. } => {
                goodbye = Some(code);
                ControlFlow::Break(())
            }
        };
        let received = match asked {
            Asked::WhenReady => socket.read_into(decoder, hand_over),
            Asked::Now => socket.read_unasked(decoder, hand_over),
        };
        let amid = self.decoder.is_amid();
        if whole || !amid {
            self.begun_at = None;
        }
        if amid {
            self.begun_at.get_or_insert_with(Instant::now);
        }
        if let Some(code) = goodbye {
            return Err(Ending::Goodbye(code));
        }
        if let Some(unfinished) = &mut self.unfinished {
            unfinished
                .set(self.decoder.held_bytes())
                .map_err(|fault| Ending::Code(CloseCode::TryAgain, fault.message))?;
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

    /// Bytes kept of what has arrived and cannot be handed over yet.
    pub(crate) fn held_bytes(&self) -> usize {
        self.decoder.held_bytes()
    }

    pub(crate) fn push(&mut self, frame: Bytes) {
        self.pending.push_back(frame.into());
    }

    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Writes what the outbox holds, as far as the socket takes it. Once nothing is left, what is
    /// delivered to many may be written past this task.
    pub(crate) fn flush_from(&mut self, outbox: &Outbox) -> Result<(), Ending> {
        loop {
            if !self.has_pending() {
                let frames = outbox.take();
                if frames.is_empty() {
                    if !std::mem::replace(&mut self.line_open, true) {
                        outbox.open_line(self.socket.writer());
                    }
                    return Ok(());
                }
                self.take(frames);
            }
            let written = self.flush()?;
            outbox.written(written);
            if self.has_pending() {
                return Ok(());
            }
        }
    }

    /// Puts what the outbox gave behind what is pending.
    pub(crate) fn take(&mut self, mut frames: VecDeque<Frame>) {
        if self.pending.is_empty() {
            self.pending = frames;
        } else {
            self.pending.append(&mut frames);
        }
    }

    /// Writes what the socket takes; how many bytes that was.
    pub(crate) fn flush(&mut self) -> Result<usize, Ending> {
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
    pub(crate) async fn close(mut self, ending: Ending) {
        let frame = match ending {
            Ending::Code(code, reason) => encode::close(code.code(), &reason),
            Ending::Violation(code, reason) => encode::close(code, &reason),
            Ending::Goodbye(Some(code)) => encode::close(code, ""),
            Ending::Goodbye(None) | Ending::Done => encode::close_without_code(),
            Ending::Gone => return,
        };
        self.pending.push_back(frame.into());
        self.end().await;
    }

    /// Ends the connection after what is pending, which says why.
    pub(crate) async fn end(self) {
        self.socket.close(self.pending, FAREWELL).await;
    }
}

/// When the kernel is asked for what has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// If it has said that there is something.
    WhenReady,
    /// Even if not: for those who must know what was sent before something else happened. It is said
    /// again then.
    Now,
}

/// Whether requests are taken from the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Open,
    Paused,
}
