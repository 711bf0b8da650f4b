//! The WebSocket of a session: its client's own connection, or one that reaches it over another node.

use std::{collections::VecDeque, ops::ControlFlow};

use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    relay::FarSocket,
    session::{Asked, Ending, Frame, Incoming, Outbox, Reading, Wire as NearSocket},
    ws::Socket,
};

/// A WebSocket that comes for a session that polls.
pub(crate) enum Carrier {
    Near(Socket),
    Far(FarSocket),
}

/// What the session's task reads from and writes to.
pub(super) enum Wire {
    Near(NearSocket),
    Far(Box<FarSocket>),
}

impl Wire {
    pub(super) fn new(carrier: Carrier, message_bytes_max: usize) -> Self {
        match carrier {
            Carrier::Near(socket) => Self::Near(NearSocket::new(socket, message_bytes_max)),
            // Bounded by the node that reads it.
            Carrier::Far(socket) => Self::Far(Box::new(socket)),
        }
    }

    /// May be dropped while it waits.
    pub(super) async fn ready(&mut self, reading: Reading) -> Result<(), Ending> {
        match self {
            Self::Near(wire) => wire.ready(reading).await,
            // Boxed: it is larger, and few sockets are far.
            Self::Far(wire) => Box::pin(wire.ready(reading)).await,
        }
    }

    pub(super) fn read(
        &mut self,
        asked: Asked,
        handle: impl FnMut(Incoming<'_>) -> ControlFlow<()>,
    ) -> Result<(), Ending> {
        match self {
            Self::Near(wire) => wire.read_when(asked, handle),
            Self::Far(wire) => {
                wire.read(handle);
                Ok(())
            }
        }
    }

    pub(super) fn push(&mut self, frame: Bytes) {
        match self {
            Self::Near(wire) => wire.push(frame),
            Self::Far(wire) => wire.push(frame),
        }
    }

    pub(super) fn take(&mut self, frames: VecDeque<Frame>) {
        match self {
            Self::Near(wire) => wire.take(frames),
            Self::Far(wire) => wire.take(frames),
        }
    }

    pub(super) fn has_pending(&self) -> bool {
        match self {
            Self::Near(wire) => wire.has_pending(),
            Self::Far(wire) => wire.has_pending(),
        }
    }

    pub(super) const fn blocked_since(&self) -> Option<Instant> {
        match self {
            Self::Near(wire) => wire.blocked_since,
            Self::Far(wire) => wire.blocked_since,
        }
    }

    /// When the message began that has not arrived as a whole. A far one is watched by its own node.
    pub(super) const fn begun_at(&self) -> Option<Instant> {
        match self {
            Self::Near(wire) => wire.begun_at,
            Self::Far(_) => None,
        }
    }

    /// Bytes kept of that message.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Self::Near(wire) => wire.held_bytes(),
            Self::Far(_) => 0,
        }
    }

    pub(super) fn flush(&mut self) -> Result<usize, Ending> {
        match self {
            Self::Near(wire) => wire.flush(),
            Self::Far(wire) => wire.flush(),
        }
    }

    pub(super) fn flush_from(&mut self, outbox: &Outbox) -> Result<(), Ending> {
        match self {
            Self::Near(wire) => wire.flush_from(outbox),
            Self::Far(wire) => wire.flush_from(outbox),
        }
    }

    pub(super) async fn close(self, ending: Ending) {
        match self {
            Self::Near(wire) => wire.close(ending).await,
            Self::Far(wire) => wire.close(&ending),
        }
    }
}
