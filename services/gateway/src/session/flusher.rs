//! Writes what is delivered to many. Waking each session's task for one frame costs more than all
//! else but the write itself; so the hub names the sessions that have something to say, and a few
//! tasks go through them. A session's own task is woken only when its socket does not take all.
//!
//! A session always belongs to the same shard. It is named at most once until it was looked at, so
//! a shard's list is bounded by the number of sessions; what came meanwhile leaves in the same write.

use std::{sync::Arc, thread::available_parallelism};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Session;

/// Beyond this many the sockets' own tasks keep the processors busy.
const SHARDS_MAX: usize = 16;
/// Sessions after which other tasks of the thread have their turn.
const TURN: usize = 64;

pub(crate) struct Flusher {
    shards: Box<[Arc<Shard>]>,
}

#[derive(Default)]
pub(crate) struct Shard {
    waiting: Mutex<Vec<Arc<Session>>>,
    filled: Notify,
}

impl Flusher {
    /// As many shards as there are processors.
    pub(crate) fn new() -> Self {
        let shards = available_parallelism().map_or(1, usize::from).min(SHARDS_MAX);
        Self { shards: (0..shards).map(|_| Arc::default()).collect() }
    }

    /// Each has a task of its own to [run](Shard::run) in.
    pub(crate) fn shards(&self) -> impl Iterator<Item = Arc<Shard>> {
        self.shards.iter().cloned()
    }

    /// Has what waits in these sessions' outboxes written soon.
    pub(crate) fn flush(&self, sessions: Vec<Arc<Session>>) {
        let Some(shards) = std::num::NonZeroU64::new(self.shards.len() as u64) else { return };
        let mut parts: Vec<Vec<_>> = self.shards.iter().map(|_| Vec::new()).collect();
        for session in sessions {
            let shard = usize::try_from(session.id().number() % shards).unwrap_or(0);
            parts[shard].push(session);
        }
        for (shard, part) in self.shards.iter().zip(parts) {
            if !part.is_empty() {
                shard.put(part);
            }
        }
    }
}

impl Shard {
    fn put(&self, mut sessions: Vec<Arc<Session>>) {
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() {
            *waiting = sessions;
        } else {
            waiting.append(&mut sessions);
        }
        drop(waiting);
        self.filled.notify_one();
    }

    /// Runs for the life of the gateway.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            self.filled.notified().await;
            let waiting = std::mem::take(&mut *self.waiting.lock());
            for turn in waiting.chunks(TURN) {
                for session in turn {
                    session.outbox().flush();
                }
                tokio::task::yield_now().await;
            }
        }
    }
}
