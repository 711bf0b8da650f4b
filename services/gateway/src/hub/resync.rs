//! Opening rooms, closing idle ones, and comparing heads: what keeps the hub's picture of the bus and
//! of history true over time.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use hubbub_bus::Topic;
use hubbub_domain::{Rev, RoomId, Seq};
use tokio::time::Instant;

use super::{Epoch, Hub, room::Room};
use crate::{backends::Marker, metrics};

/// Rooms whose heads are asked for in one call.
const ROOMS_PER_CALL: usize = 1_000;
/// Calls at once while everything is compared.
const CALLS_AT_ONCE: usize = 4;

impl Hub {
    /// Subscribes the rooms that are not live yet. Heads read after this may be
    /// [settled](Self::settle).
    pub(crate) async fn prepare(&self, rooms: &[RoomId]) {
        let opening: Vec<Topic> = rooms
            .iter()
            .filter(|room| !self.room(**room).keep())
            .map(|room| Topic::Room(*room))
            .collect();
        self.topics.add(&opening).await;
    }

    /// Compares all heads now, in the background.
    pub(crate) fn resync_soon(self: &Arc<Self>) {
        let hub = Arc::clone(self);
        self.tasks.spawn(async move { hub.resync(Trust::Subscribed).await });
    }

    /// Compares all heads from time to time, whatever the bus says, and lets idle rooms go. Runs for
    /// the life of the gateway.
    pub(crate) async fn keep_true(self: Arc<Self>) {
        let mut compared = Instant::now();
        let mut interval = self.jittered_interval();
        loop {
            tokio::time::sleep(self.config.idle_room_kept / 4).await;
            self.misses.forget_old();
            self.retire_idle_rooms().await;
            self.open_awaited().await;
            if compared.elapsed() >= interval {
                self.resync(Trust::Unknown).await;
                (compared, interval) = (Instant::now(), self.jittered_interval());
            }
        }
    }

    fn jittered_interval(&self) -> std::time::Duration {
        self.jitter.scale(self.config.resync_interval, 0.75..1.25)
    }

    async fn resync(self: &Arc<Self>, trust: Trust) {
        let rooms = self.ids(|_| true);
        metrics::rooms_compared(trust.cause(), rooms.len());
        stream::iter(rooms.chunks(ROOMS_PER_CALL))
            .for_each_concurrent(CALLS_AT_ONCE, |rooms| self.compare(rooms, trust))
            .await;
    }

    async fn compare(self: &Arc<Self>, rooms: &[RoomId], trust: Trust) {
        let markers: Vec<Marker> =
            rooms.iter().map(|room| Marker { room: *room, last_read: Seq::ZERO }).collect();
        loop {
            let before: Vec<_> = rooms.iter().map(|room| self.last(*room)).collect();
            let one_of_few = self.fetches.acquire().await.expect("it is never closed");
            let heads = self.backends.heads(None, &markers).await;
            drop(one_of_few);
            let compared = match &heads {
                Ok(heads) if trust == Trust::Subscribed => self.settle(heads).await,
                Ok(heads) => self.note_heads(heads).await,
                Err(fault) => Err(fault.clone()),
            };
            match heads.and_then(|heads| compared.map(|()| heads)) {
                Ok(heads) => {
                    let epoch = Epoch::of(&heads.epoch);
                    for ((room, head), before) in heads.of(rooms).zip(before) {
                        if before.is_some_and(|(of, last)| of == epoch && head < last) {
                            self.rewind(room, head);
                        }
                    }
                    return;
                }
                Err(fault) => {
                    tracing::warn!(%fault, rooms = rooms.len(), "comparing heads has to wait");
                    tokio::time::sleep(self.config.catch_up_retry).await;
                }
            }
        }
    }

    /// How far a room had come, and in which epoch, if it is live.
    fn last(&self, room: RoomId) -> Option<(Epoch, Rev)> {
        let room = self.get(room)?;
        let order = room.order();
        Some((order.epoch(), order.last()?))
    }

    /// Opens rooms whose opening failed half-way while somebody follows them.
    async fn open_awaited(self: &Arc<Self>) {
        let rooms = self.ids(Room::is_awaited);
        self.prepare(&rooms).await;
        for rooms in rooms.chunks(ROOMS_PER_CALL) {
            self.compare(rooms, Trust::Subscribed).await;
        }
    }

    async fn retire_idle_rooms(&self) {
        let Some(before) = Instant::now().checked_sub(self.config.idle_room_kept) else { return };
        let removal = self.topics.removal().await;
        let mut retired = Vec::new();
        self.rooms.retain(|room, entry| {
            let idle = entry.order().retire_if_idle(before);
            if idle {
                retired.push(Topic::Room(*room));
            }
            !idle
        });
        if let Err(error) = removal.remove(&retired).await {
            tracing::debug!(%error, "idle rooms stay subscribed until the bus is back");
        }
        metrics::rooms(self.rooms.len());
    }
}

/// What is known of the subscriptions at the moment the heads are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// The bus has just confirmed all of them.
    Subscribed,
    Unknown,
}

impl Trust {
    /// Why they are read, as the metrics put it.
    const fn cause(self) -> &'static str {
        match self {
            Self::Subscribed => "resumed",
            Self::Unknown => "interval",
        }
    }
}
