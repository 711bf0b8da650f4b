//! A WebSocket whose client is connected to another node, as the session's task sees it: the same as
//! one of its own, except that bytes are credit and not the kernel's.

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::{Buf as _, Bytes};
use futures::StreamExt as _;
use hubbub_proto::gateway::v1::{
    UpgradeRequest, UpgradeResponse, upgrade_request, upgrade_response,
};
use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, Streaming};

use super::{MESSAGES_MAX, PIECE_BYTES_MAX, WINDOW_BYTES, weight};
use crate::{
    session::{Ending, Frame, Incoming, Outbox, Reading},
    ws::encode,
};

/// What the client said.
enum Said {
    Text(String),
    Binary(Vec<u8>),
}

impl Said {
    const fn weight(&self) -> usize {
        match self {
            Self::Text(text) => weight(text.len()),
            Self::Binary(bytes) => weight(bytes.len()),
        }
    }
}

pub(crate) struct FarSocket {
    incoming: mpsc::Receiver<Said>,
    /// Read, and not yet handed over.
    next: Option<Said>,
    outgoing: mpsc::Sender<Result<UpgradeResponse, Status>>,
    /// Taken from the outbox, not yet sent.
    pending: VecDeque<Frame>,
    credit: Arc<Credit>,
    /// Taken, and not yet told.
    taken: usize,
    /// Since when the client has taken nothing of what is pending.
    pub(crate) blocked_since: Option<Instant>,
    /// Reads until the socket is dropped or the other node ends.
    _reader: AbortOnDropHandle<()>,
}

/// What may still be sent to the client.
#[derive(Debug)]
struct Credit {
    bytes: AtomicUsize,
    more: Notify,
}

impl FarSocket {
    pub(crate) fn new(
        client: Streaming<UpgradeRequest>,
        outgoing: mpsc::Sender<Result<UpgradeResponse, Status>>,
    ) -> Self {
        let credit =
            Arc::new(Credit { bytes: AtomicUsize::new(WINDOW_BYTES), more: Notify::new() });
        // Never full: whoever sends keeps to the window. Who does not is cut off.
        let (said, incoming) = mpsc::channel(MESSAGES_MAX);
        let reader = tokio::spawn(read(client, said, Arc::clone(&credit)));
        Self {
            incoming,
            next: None,
            outgoing,
            pending: VecDeque::new(),
            credit,
            taken: 0,
            blocked_since: None,
            _reader: AbortOnDropHandle::new(reader),
        }
    }

    /// Waits until something can be read (if wanted) or sent (if something is pending). May be dropped
    /// while it waits.
    pub(crate) async fn ready(&mut self, reading: Reading) -> Result<(), Ending> {
        let Self { incoming, next, outgoing, pending, credit, taken, .. } = self;
        if reading == Reading::Open && next.is_some() {
            return Ok(());
        }
        let sendable = async {
            if !pending.is_empty() {
                credit.wait().await;
            } else if *taken == 0 {
                return std::future::pending().await;
            }
            outgoing.reserve().await.map(drop)
        };
        tokio::select! {
            said = incoming.recv(), if reading == Reading::Open => {
                *next = Some(said.ok_or(Ending::Gone)?);
                Ok(())
            }
            sent = sendable => sent.map_err(|_| Ending::Gone),
            () = outgoing.closed() => Err(Ending::Gone),
        }
    }

    /// Hands over what arrived, until `handle` pauses.
    pub(crate) fn read(&mut self, mut handle: impl FnMut(Incoming<'_>) -> ControlFlow<()>) {
        while let Some(said) = self.next.take().or_else(|| self.incoming.try_recv().ok()) {
            self.taken += said.weight();
            let flow = match &said {
                Said::Text(text) => handle(Incoming::Text(text)),
                Said::Binary(bytes) => handle(Incoming::Binary(bytes)),
            };
            if flow.is_break() {
                break;
            }
        }
        self.tell_taken();
    }

    pub(crate) fn push(&mut self, frame: Bytes) {
        self.pending.push_back(frame.into());
    }

    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(crate) fn take(&mut self, mut frames: VecDeque<Frame>) {
        self.pending.append(&mut frames);
    }

    /// Sends what the outbox holds, as far as there is credit.
    pub(crate) fn flush_from(&mut self, outbox: &Outbox) -> Result<(), Ending> {
        self.tell_taken();
        loop {
            if !self.has_pending() {
                let frames = outbox.take();
                if frames.is_empty() {
                    return Ok(());
                }
                self.take(frames);
            }
            let sent = self.flush()?;
            outbox.written(sent);
            if self.has_pending() {
                return Ok(());
            }
        }
    }

    /// Sends what there is credit for; how many bytes that was.
    pub(crate) fn flush(&mut self) -> Result<usize, Ending> {
        let mut sent = 0;
        while let Some(frame) = self.pending.front_mut() {
            let piece = self.credit.left().saturating_sub(weight(0));
            let piece = piece.min(frame.bytes.len()).min(PIECE_BYTES_MAX);
            if piece == 0 && frame.bytes.has_remaining() {
                break;
            }
            match self.outgoing.try_reserve() {
                Ok(permit) => {
                    self.credit.spend(weight(piece));
                    let frames = frame.bytes.split_to(piece).into();
                    permit.send(Ok(response(upgrade_response::Said::Frames(frames))));
                }
                Err(mpsc::error::TrySendError::Full(())) => break,
                Err(mpsc::error::TrySendError::Closed(())) => return Err(Ending::Gone),
            }
            sent += piece;
            if frame.bytes.is_empty() {
                self.pending.pop_front();
            }
        }
        if self.pending.is_empty() {
            self.blocked_since = None;
        } else if sent > 0 || self.blocked_since.is_none() {
            self.blocked_since = Some(Instant::now());
        }
        Ok(sent)
    }

    /// Ends the connection: the other node does the rest when the stream has ended.
    pub(crate) fn close(mut self, ending: &Ending) {
        if let Some(frame) = ending.frame() {
            self.push(frame);
        }
        // As much as there is credit for: the client that took nothing misses nothing it could read.
        let _ended = self.flush();
    }

    fn tell_taken(&mut self) {
        if self.taken > 0
            && let Ok(permit) = self.outgoing.try_reserve()
        {
            let taken = std::mem::take(&mut self.taken) as u64;
            permit.send(Ok(response(upgrade_response::Said::Taken(taken))));
        }
    }
}

const fn response(said: upgrade_response::Said) -> UpgradeResponse {
    UpgradeResponse { said: Some(said) }
}

/// Reads from the other node, whatever the session does.
async fn read(
    mut client: Streaming<UpgradeRequest>,
    incoming: mpsc::Sender<Said>,
    credit: Arc<Credit>,
) {
    while let Some(Ok(request)) = client.next().await {
        let said = match request.said {
            Some(upgrade_request::Said::Text(text)) => Said::Text(text),
            Some(upgrade_request::Said::Binary(bytes)) => Said::Binary(bytes),
            Some(upgrade_request::Said::Written(bytes)) => {
                credit.add(usize::try_from(bytes).unwrap_or(0));
                continue;
            }
            Some(upgrade_request::Said::Open(_)) | None => continue,
        };
        if incoming.try_send(said).is_err() {
            return;
        }
    }
}

impl Credit {
    fn left(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    fn spend(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        self.more.notify_one();
    }

    /// Waits until a message of at least one byte may be sent.
    async fn wait(&self) {
        while self.left() <= weight(0) {
            self.more.notified().await;
        }
    }
}

/// A frame to end with, for a client elsewhere.
impl Ending {
    fn frame(&self) -> Option<Bytes> {
        match self {
            Self::Code(code, reason) => Some(encode::close(code.code(), reason)),
            Self::Violation(code, reason) => Some(encode::close(*code, reason)),
            Self::Goodbye(Some(code)) => Some(encode::close(*code, "")),
            Self::Goodbye(None) | Self::Done => Some(encode::close_without_code()),
            Self::Gone => None,
        }
    }
}
