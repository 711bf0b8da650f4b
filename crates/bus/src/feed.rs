//! The writing end of a feed: never blocks, and never loses an announcement.
//!
//! The reader sees `Interrupted` before the first loss and `Resumed` after the last. Invariant:
//! while the reader believes its view whole, at least one place of the queue is free, so that
//! `Interrupted` always fits. `Resumed` waits until the reader made room, and for the adapter to say
//! that every topic is confirmed.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{sync::mpsc, task::AbortHandle};

use crate::{Delivery, FEED_EVENTS_MAX, Topic, metrics};

/// After a drop the feed goes on when this much of it is free, not at the first free place: a
/// reader that is a little too slow would get little else than announcements.
const ROOM_TO_RESUME: usize = FEED_EVENTS_MAX / 4;

/// Where an adapter puts what a subscriber shall see.
pub(crate) struct Outlet {
    queue: mpsc::Sender<Delivery>,
    state: Mutex<State>,
}

struct State {
    /// What the reader believes.
    told_whole: bool,
    /// What the adapter last said of its connections.
    connected: bool,
    /// Set while payloads are dropped for want of room: the task that waits for room.
    waiting: Option<AbortHandle>,
}

/// A feed that is whole from the start.
pub(crate) fn feed() -> (Arc<Outlet>, mpsc::Receiver<Delivery>) {
    let (queue, feed) = mpsc::channel(FEED_EVENTS_MAX);
    let state = State { told_whole: true, connected: true, waiting: None };
    (Arc::new(Outlet { queue, state: Mutex::new(state) }), feed)
}

impl Outlet {
    /// Puts a payload into the feed, or drops it and announces that.
    pub(crate) fn deliver(self: &Arc<Self>, topic: Topic, payload: Bytes) {
        let mut state = self.state.lock();
        if state.waiting.is_none() && self.queue.capacity() > 1 {
            // A closed feed has no reader whom the loss could concern.
            let _ = self.queue.try_send(Delivery::Message { topic, payload });
            metrics::delivered();
        } else {
            metrics::dropped();
            self.announce_interrupted(&mut state);
            self.wait_for_room(&mut state);
        }
    }

    /// Something may have been missed, and may be until [`Self::resume`].
    pub(crate) fn interrupt(&self) {
        let mut state = self.state.lock();
        state.connected = false;
        self.announce_interrupted(&mut state);
    }

    /// Every wanted topic is confirmed, if `confirmed` still says so while nothing can be announced
    /// in between; returns its answer.
    pub(crate) fn resume(self: &Arc<Self>, confirmed: impl FnOnce() -> bool) -> bool {
        let mut state = self.state.lock();
        let confirmed = confirmed();
        if confirmed {
            state.connected = true;
            self.announce_resumed(&mut state);
        }
        confirmed
    }

    /// The reader is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Waits until the reader is gone.
    pub(crate) async fn closed(&self) {
        self.queue.closed().await;
    }

    fn announce_interrupted(&self, state: &mut State) {
        if state.told_whole {
            state.told_whole = false;
            // It fits, by the invariant, unless the feed is closed.
            let _ = self.queue.try_send(Delivery::Interrupted);
            metrics::interrupted();
        }
    }

    fn announce_resumed(self: &Arc<Self>, state: &mut State) {
        if state.told_whole || !state.connected || state.waiting.is_some() {
            return;
        }
        if self.queue.capacity() > 1 {
            state.told_whole = true;
            let _ = self.queue.try_send(Delivery::Resumed);
        } else {
            self.wait_for_room(state);
        }
    }

    /// The task ends when there is room, when the feed is closed, or with the outlet.
    fn wait_for_room(self: &Arc<Self>, state: &mut State) {
        if state.waiting.is_some() {
            return;
        }
        let queue = self.queue.clone();
        let outlet: Weak<Self> = Arc::downgrade(self);
        let task = tokio::spawn(async move {
            let room = queue.reserve_many(ROOM_TO_RESUME).await;
            // Given back before anything is announced: the announcement takes one itself.
            drop(room);
            if let Some(outlet) = outlet.upgrade() {
                let mut state = outlet.state.lock();
                state.waiting = None;
                outlet.announce_resumed(&mut state);
            }
        });
        state.waiting = Some(task.abort_handle());
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        if let Some(task) = self.state.get_mut().waiting.take() {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use hubbub_domain::RoomId;
    use tokio::sync::mpsc::Receiver;

    use super::{Outlet, feed};
    use crate::{Delivery, FEED_EVENTS_MAX, Topic};

    fn deliver(outlet: &Arc<Outlet>, number: usize) {
        let payload = Bytes::from(number.to_string());
        outlet.deliver(Topic::Room(RoomId::from_uuid(uuid::Uuid::nil())), payload);
    }

    async fn number(feed: &mut Receiver<Delivery>) -> Option<usize> {
        match feed.recv().await.expect("open") {
            Delivery::Message { payload, .. } => {
                Some(std::str::from_utf8(&payload).unwrap().parse().unwrap())
            }
            Delivery::Interrupted | Delivery::Resumed => None,
        }
    }

    #[tokio::test]
    async fn a_full_feed_says_so_before_the_gap_and_after_it() {
        let (outlet, mut feed) = feed();
        for i in 0..2 * FEED_EVENTS_MAX {
            deliver(&outlet, i);
        }
        for i in 0..FEED_EVENTS_MAX - 1 {
            assert_eq!(number(&mut feed).await, Some(i));
        }
        assert!(matches!(feed.recv().await, Some(Delivery::Interrupted)));
        assert!(matches!(feed.recv().await, Some(Delivery::Resumed)));
        deliver(&outlet, 7);
        assert_eq!(number(&mut feed).await, Some(7));
    }

    #[tokio::test]
    async fn an_interruption_of_a_full_feed_is_announced_and_ends_only_when_both_are_over() {
        let (outlet, mut feed) = feed();
        for i in 0..FEED_EVENTS_MAX - 1 {
            deliver(&outlet, i);
        }
        outlet.interrupt();
        deliver(&outlet, 0);
        assert!(outlet.resume(|| true));
        for i in 0..FEED_EVENTS_MAX - 1 {
            assert_eq!(number(&mut feed).await, Some(i));
        }
        assert!(matches!(feed.recv().await, Some(Delivery::Interrupted)));
        assert!(matches!(feed.recv().await, Some(Delivery::Resumed)));
    }

    #[tokio::test]
    async fn interruptions_are_not_announced_twice_nor_resumed_while_unconfirmed() {
        let (outlet, mut feed) = feed();
        outlet.interrupt();
        outlet.interrupt();
        assert!(!outlet.resume(|| false));
        deliver(&outlet, 1);
        assert!(outlet.resume(|| true));
        assert!(matches!(feed.recv().await, Some(Delivery::Interrupted)));
        assert_eq!(number(&mut feed).await, Some(1));
        assert!(matches!(feed.recv().await, Some(Delivery::Resumed)));
    }
}
