//! What waits to be written to one client. Bounded in bytes; any task puts frames in. They leave in one
//! of two ways:
//! - durable frames go straight to the socket, without waking the session's task, while nothing waits
//!   before them and the socket takes them;
//! - otherwise they wait, and the session's own task takes all of them out together, and waits for the
//!   socket where it must. What it holds is *in hand*: until that is written nobody else writes.
//!
//! What happens at the bound depends on what is put in:
//! - a *durable* frame is refused: the room is then marked behind and caught up when the client
//!   has read (see `hub::catch_up`), so nothing is lost and nothing piles up;
//! - a *reply* is always taken: the session reads no further request while its outbox is full, so
//!   there are at most as many as requests in flight;
//! - a *fleeting* event waits beside the frames until they leave; a newer one about the same takes its
//!   place;
//! - an *event* outside the rooms' order (a chatRecord, a notice) is taken up to twice the bound.
//!   Beyond that the client has lost its view of them and is closed as too slow.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::VecDeque, sync::Arc, task::Poll};

use bytes::{Buf, Bytes};
use futures::task::AtomicWaker;
use hubbub_client_protocol::CloseCode;
use parking_lot::Mutex;

use super::fleeting::{self, Fleeting};
use crate::ws::{FrameQueue, Writer};

/// Encoded bytes on their way to one client, shared with all others who get the same.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    /// The span of a sampled message: it ends when the last recipient's frame was written.
    pub(crate) trace: Option<Arc<tracing::Span>>,
}

impl From<Bytes> for Frame {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, trace: None }
    }
}

/// Why the session is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closing {
    pub(crate) code: CloseCode,
    pub(crate) reason: Cow<'static, str>,
}

impl From<CloseCode> for Closing {
    fn from(code: CloseCode) -> Self {
        Self { code, reason: code.meaning().into() }
    }
}

/// The queue of one session. Begins with a line of the processor's cache, as its state does.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Outbox {
    state: Mutex<State>,
    bytes_max: usize,
    waker: AtomicWaker,
}

/// In the order of how often it is looked at: what every frame needs comes first and lies close together.
#[derive(Debug, Default)]
#[repr(C)]
struct State {
    /// Open once the session's task has said all it had to say by itself.
    line: Option<Line>,
    /// Bytes in `frames` and in the hands of the session's task.
    bytes: usize,
    /// Bytes in the hands of the session's task.
    in_hand: usize,
    frames: VecDeque<Frame>,
    /// Leave with the frames.
    fleeting: fleeting::Waiting,
    closing: Option<Box<Closing>>,
    /// Something for the session's task besides frames: it is behind in a room.
    nudged: bool,
    ended: bool,
}

/// The way past the session's task.
#[derive(Debug)]
struct Line {
    writer: Writer,
    /// The first frame may have been written in part.
    cut: bool,
}

/// Why the session's task was woken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// Frames wait to be taken, or a room is behind.
    Work,
    Close(Closing),
}

impl Outbox {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, state: Mutex::default(), waker: AtomicWaker::new() }
    }

    /// Looks at what [`offer`](Self::offer) needs, so that it is near by then: thousands of outboxes are
    /// walked through, and the memory of several is fetched at the same time.
    pub(crate) fn approach(&self) {
        std::hint::black_box(self.state.is_locked());
    }

    /// Writes durable frames, or puts them in until the bound is reached. One frame always fits. Returns
    /// how many were taken, from the first on.
    pub(crate) fn offer(&self, frames: &[Frame]) -> usize {
        let mut state = self.state.lock();
        let written = state.write_past(frames);
        if written == frames.len() && state.bytes == 0 {
            // The rule, and nothing else of the state was looked at.
            return written;
        }
        if state.ended {
            return frames.len();
        }
        let mut taken = written;
        for frame in &frames[written..] {
            let bytes = state.bytes + frame.bytes.len();
            if bytes > self.bytes_max && state.bytes > 0 {
                break;
            }
            state.put(frame.clone());
            taken += 1;
        }
        if state.bytes > 0 {
            drop(state);
            self.waker.wake();
        }
        taken
    }

    /// Writes an event of which only the newest counts, or puts it in until it can be written.
    pub(crate) fn fleeting(&self, about: &Fleeting, frame: Bytes) {
        let mut state = self.state.lock();
        if state.ended {
            return;
        }
        let written = state.fleeting.is_empty() && state.write_past(&[frame.clone().into()]) > 0;
        if !written {
            fleeting::put(&mut state.fleeting, about, frame);
        }
        if !written || state.bytes > 0 {
            drop(state);
            self.waker.wake();
        }
    }

    /// From here on others may write too: the session's task has nothing in hand.
    pub(crate) fn open_line(&self, writer: Writer) {
        self.state.lock().line = Some(Line { writer, cut: false });
    }

    /// From here on only the session's task writes. Returns the frame that was begun, if any: it has
    /// to be ended before anything else is said.
    pub(crate) fn close_line(&self) -> Option<Frame> {
        let mut state = self.state.lock();
        let cut = state.line.take().is_some_and(|line| line.cut);
        if cut { state.frames.pop_front() } else { None }
    }

    /// Puts the answer to a request in.
    pub(crate) fn reply(&self, frame: impl Into<Frame>) {
        let mut state = self.state.lock();
        if !state.ended {
            state.put(frame.into());
            drop(state);
            self.waker.wake();
        }
    }

    /// Puts an event in that no room's order holds.
    pub(crate) fn event(&self, frame: impl Into<Frame>) {
        let mut state = self.state.lock();
        if state.ended {
            return;
        }
        if state.bytes > 2 * self.bytes_max {
            state.closing.get_or_insert_with(|| Box::new(CloseCode::TooSlow.into()));
        } else {
            state.put(frame.into());
        }
        drop(state);
        self.waker.wake();
    }

    /// Ends the session after what waits was written, if the client takes it in time.
    pub(crate) fn close(&self, closing: impl Into<Closing>) {
        self.state.lock().closing.get_or_insert_with(|| Box::new(closing.into()));
        self.waker.wake();
    }

    /// Wakes the session's task without a frame.
    pub(crate) fn nudge(&self) {
        self.state.lock().nudged = true;
        self.waker.wake();
    }

    /// Waits for something to do. Only the session's own task may.
    pub(crate) async fn woken(&self) -> Wake {
        std::future::poll_fn(|context| {
            self.waker.register(context.waker());
            let mut state = self.state.lock();
            if let Some(closing) = &state.closing {
                return Poll::Ready(Wake::Close(Closing::clone(closing)));
            }
            if state.frames.is_empty() && state.fleeting.is_empty() && !state.nudged {
                return Poll::Pending;
            }
            state.nudged = false;
            Poll::Ready(Wake::Work)
        })
        .await
    }

    /// As [`woken`](Self::woken) when no frames can be taken for now: they wait.
    pub(crate) async fn alerted(&self) -> Wake {
        std::future::poll_fn(|context| {
            self.waker.register(context.waker());
            let mut state = self.state.lock();
            if let Some(closing) = &state.closing {
                return Poll::Ready(Wake::Close(Closing::clone(closing)));
            }
            if std::mem::take(&mut state.nudged) { Poll::Ready(Wake::Work) } else { Poll::Pending }
        })
        .await
    }

    /// Waits until the session is to end, whatever else there is to do.
    pub(crate) async fn closed(&self) -> Closing {
        std::future::poll_fn(|context| {
            self.waker.register(context.waker());
            match &self.state.lock().closing {
                Some(closing) => Poll::Ready(Closing::clone(closing)),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Takes all frames out. They count until [`written`](Self::written) says they left.
    pub(crate) fn take(&self) -> VecDeque<Frame> {
        let mut state = self.state.lock();
        state.take_fleeting();
        state.in_hand = state.bytes;
        if let Some(line) = &mut state.line {
            line.cut = false;
        }
        std::mem::take(&mut state.frames)
    }

    pub(crate) fn written(&self, bytes: usize) {
        let mut state = self.state.lock();
        state.bytes -= bytes;
        state.in_hand -= bytes;
    }

    /// The bound is reached: read no further request.
    pub(crate) fn is_full(&self) -> bool {
        self.state.lock().bytes > self.bytes_max
    }

    /// Enough has left that rooms which are behind may be caught up.
    pub(crate) fn has_drained(&self) -> bool {
        self.state.lock().bytes <= self.bytes_max / 2
    }

    #[cfg(test)]
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// The session is over: whatever is put in from now on is dropped.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock();
        state.ended = true;
        state.line = None;
        (state.frames, state.fleeting) = (VecDeque::new(), Vec::new());
        (state.bytes, state.in_hand) = (0, 0);
    }
}

impl State {
    fn take_fleeting(&mut self) {
        for (_, frame) in std::mem::take(&mut self.fleeting) {
            self.put(frame.into());
        }
    }

    /// Writes frames past the session's task, if nothing waits before them. Returns how many are done
    /// with; of one that was cut, the rest waits. An error is left to the session's task.
    fn write_past(&mut self, frames: &[Frame]) -> usize {
        let Self { line: Some(line), bytes: 0, .. } = self else { return 0 };
        let mut left = line.writer.write(frames.iter().map(|frame| &frame.bytes[..]));
        for (place, frame) in frames.iter().enumerate() {
            let Some(rest) = left.checked_sub(frame.bytes.len()) else {
                if left == 0 {
                    return place;
                }
                line.cut = true;
                let bytes = frame.bytes.slice(left..);
                self.put(Frame { bytes, trace: frame.trace.clone() });
                return place + 1;
            };
            left = rest;
        }
        frames.len()
    }

    fn put(&mut self, frame: Frame) {
        self.bytes += frame.bytes.len();
        self.frames.push_back(frame);
    }
}

impl FrameQueue for VecDeque<Frame> {
    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.iter().map(|frame| frame.bytes.as_ref())
    }

    fn advance(&mut self, mut bytes: usize) {
        while let Some(front) = self.front_mut() {
            if front.bytes.len() > bytes {
                front.bytes.advance(bytes);
                return;
            }
            bytes -= front.bytes.len();
            self.pop_front();
        }
    }
}
