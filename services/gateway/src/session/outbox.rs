//! What waits to be written to one client. Bounded in bytes; any task puts frames in, the session's
//! own task takes all of them out at once and writes them together.
//!
//! What happens at the bound depends on what is put in:
//! - a *durable* frame is refused: the room is then marked behind and caught up when the client
//!   has read (see `hub::catch_up`), so nothing is lost and nothing piles up;
//! - a *reply* is always taken: the session reads no further request while its outbox is full, so
//!   there are at most as many as requests in flight;
//! - an *event* outside the rooms' order (a chatRecord, a notice) is taken up to twice the bound.
//!   Beyond that the client has lost its view of them and is closed as too slow.

use std::{borrow::Cow, collections::VecDeque, sync::Arc, task::Poll};

use bytes::{Buf, Bytes};
use futures::task::AtomicWaker;
use hubbub_client_protocol::CloseCode;
use parking_lot::Mutex;

use crate::ws::FrameQueue;

/// Encoded bytes on their way to one client, shared with all others who get the same.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    /// The span of a sampled message: it ends when the last recipient's frame was written.
    #[expect(dead_code, reason = "it is kept for its drop: the last one ends the span")]
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

/// The queue of one session.
#[derive(Debug)]
pub(crate) struct Outbox {
    bytes_max: usize,
    state: Mutex<State>,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Frame>,
    /// Bytes in `frames` and in the hands of the writer.
    bytes: usize,
    closing: Option<Closing>,
    /// Something for the session's task besides frames: it is behind in a room.
    nudged: bool,
    ended: bool,
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

    /// Puts a durable frame in, unless the bound is reached. One frame always fits.
    pub(crate) fn offer(&self, frame: Frame) -> bool {
        let mut state = self.state.lock();
        if state.ended {
            return true;
        }
        let bytes = state.bytes + frame.bytes.len();
        if bytes > self.bytes_max && state.bytes > 0 {
            return false;
        }
        state.put(frame);
        drop(state);
        self.waker.wake();
        true
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
            state.closing.get_or_insert_with(|| CloseCode::TooSlow.into());
        } else {
            state.put(frame.into());
        }
        drop(state);
        self.waker.wake();
    }

    /// Ends the session after what waits was written, if the client takes it in time.
    pub(crate) fn close(&self, closing: impl Into<Closing>) {
        self.state.lock().closing.get_or_insert(closing.into());
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
                return Poll::Ready(Wake::Close(closing.clone()));
            }
            if state.frames.is_empty() && !state.nudged {
                return Poll::Pending;
            }
            state.nudged = false;
            Poll::Ready(Wake::Work)
        })
        .await
    }

    /// Waits until the session is to end, whatever else there is to do.
    pub(crate) async fn closed(&self) -> Closing {
        std::future::poll_fn(|context| {
            self.waker.register(context.waker());
            match &self.state.lock().closing {
                Some(closing) => Poll::Ready(closing.clone()),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Takes all frames out. They count until [`written`](Self::written) says they left.
    pub(crate) fn take(&self) -> VecDeque<Frame> {
        std::mem::take(&mut self.state.lock().frames)
    }

    pub(crate) fn written(&self, bytes: usize) {
        self.state.lock().bytes -= bytes;
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
        state.frames = VecDeque::new();
        state.bytes = 0;
    }
}

impl State {
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::FutureExt as _;
    use hubbub_client_protocol::CloseCode;

    use super::{Frame, Outbox, Wake};

    fn frame(bytes: usize) -> Frame {
        Bytes::from(vec![0; bytes]).into()
    }

    #[test]
    fn durable_frames_are_refused_at_the_bound_and_taken_again_after_it() {
        let outbox = Outbox::new(100);
        assert!(outbox.offer(frame(150)), "one frame always fits");
        assert!(!outbox.offer(frame(1)));
        let taken = outbox.take();
        assert!(!outbox.offer(frame(1)), "what the writer holds still counts");
        outbox.written(taken[0].bytes.len());
        assert!(outbox.offer(frame(100)));
    }

    #[test]
    fn replies_always_fit_and_fill_the_outbox() {
        let outbox = Outbox::new(100);
        outbox.reply(frame(101));
        assert!(outbox.is_full() && !outbox.has_drained());
    }

    #[test]
    fn events_beyond_twice_the_bound_close_the_session() {
        let outbox = Outbox::new(100);
        for _ in 0..3 {
            outbox.event(frame(90));
        }
        assert_eq!(outbox.woken().now_or_never(), Some(Wake::Work));
        outbox.event(frame(90));
        let wake = outbox.woken().now_or_never();
        assert_eq!(wake, Some(Wake::Close(CloseCode::TooSlow.into())));
    }

    #[test]
    fn an_ended_outbox_takes_nothing() {
        let outbox = Outbox::new(100);
        outbox.end();
        assert!(outbox.offer(frame(1)));
        assert!(outbox.take().is_empty());
    }

    #[test]
    fn a_nudge_wakes_once() {
        let outbox = Outbox::new(100);
        outbox.nudge();
        assert_eq!(outbox.woken().now_or_never(), Some(Wake::Work));
        assert_eq!(outbox.woken().now_or_never(), None);
    }
}
