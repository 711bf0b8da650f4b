//! Markers on their way to the room service: how far users have read, and how far rooms have reached
//! their devices. They leave together, in one task:
//! - what was *read* is answered once it is stored. What comes while a call is under way makes the
//!   next one; of several about the same user and room the furthest counts;
//! - what was *delivered* is answered at once and stored within the interval, of each user and room
//!   the newest. What a dying gateway had not stored yet is told by the client's next word.

use std::{collections::HashMap, sync::Arc, time::Duration};

use hubbub_domain::{Fault, RoomId, Seq, UserId};
use hubbub_proto::room::v1::ReadMarker;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::backends::Backends;

/// Users and rooms with a delivery that is not stored yet. At the bound: `unavailable`.
const PENDING_MAX: usize = 100_000;
/// Read markers that wait for a call. At the bound: `unavailable`.
const READS_MAX: usize = 4_096;
/// Markers of one call, which takes 1,000.
const BATCH_MAX: usize = 500;

type Place = (UserId, RoomId);

pub(crate) struct Receipts {
    backends: Backends,
    interval: Duration,
    pending: Mutex<HashMap<Place, Seq>>,
    filled: Notify,
    reads: mpsc::Sender<Read>,
}

/// What waits for the task.
pub(crate) type Reads = mpsc::Receiver<Read>;

/// A read marker, and who waits for it to be stored.
pub(crate) struct Read {
    user: UserId,
    room: RoomId,
    seq: Seq,
    stored: oneshot::Sender<Result<Seq, Fault>>,
}

impl Receipts {
    /// Markers wait until [`run`](Self::run) runs.
    pub(crate) fn new(backends: Backends, interval: Duration) -> (Arc<Self>, Reads) {
        let (reads, receiver) = mpsc::channel(READS_MAX);
        let (pending, filled) = (Mutex::default(), Notify::new());
        (Arc::new(Self { backends, interval, pending, filled, reads }), receiver)
    }

    /// Moves a user's read marker forward; where it stands now.
    pub(crate) async fn read(&self, user: UserId, room: RoomId, seq: Seq) -> Result<Seq, Fault> {
        let (stored, answer) = oneshot::channel();
        let busy = |_| Fault::unavailable("too many read markers wait to be stored");
        self.reads.try_send(Read { user, room, seq, stored }).map_err(busy)?;
        answer.await.unwrap_or_else(|_| Err(Fault::unavailable("the gateway is going away")))
    }

    /// Notes that a room has reached one of the user's devices so far.
    pub(crate) fn delivered(&self, user: UserId, room: RoomId, seq: Seq) -> Result<(), Fault> {
        let mut pending = self.pending.lock();
        if pending.len() >= PENDING_MAX && !pending.contains_key(&(user.clone(), room)) {
            return Err(Fault::unavailable("too many delivery markers wait to be stored"));
        }
        let marker = pending.entry((user, room)).or_default();
        *marker = seq.max(*marker);
        drop(pending);
        self.filled.notify_one();
        Ok(())
    }

    /// Stores markers until the drain, and what is left then.
    pub(crate) async fn run(self: Arc<Self>, mut reads: Reads, drain: CancellationToken) {
        let mut batch = Vec::new();
        let mut due: Option<Instant> = None;
        loop {
            let at = due.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(at), if due.is_some() => {
                    due = None;
                    self.flush().await;
                }
                _count = reads.recv_many(&mut batch, BATCH_MAX) => {
                    self.store(std::mem::take(&mut batch)).await;
                }
                () = drain.cancelled() => {
                    // What fails now the clients tell another node.
                    return self.flush().await;
                }
                () = self.filled.notified(), if due.is_none() => {
                    due = Some(Instant::now() + self.interval);
                }
            }
        }
    }

    /// Stores what was read, and tells those who wait. What was delivered in those rooms comes along.
    async fn store(&self, reads: Vec<Read>) {
        let along = self.take(reads.iter().map(|read| (read.user.clone(), read.room)));
        let read = reads.iter().map(|read| marker((&read.user, read.room), (read.seq, Seq::ZERO)));
        let markers = read.chain(along.iter().map(delivery)).collect();
        match self.backends.mark_read(markers).await {
            Ok(stands) => {
                for (read, stands) in reads.into_iter().zip(stands) {
                    // Nobody may be waiting any more.
                    drop(read.stored.send(Ok(stands)));
                }
            }
            Err(fault) => {
                self.put_back(along);
                for read in reads {
                    drop(read.stored.send(Err(fault.clone())));
                }
            }
        }
    }

    /// Stores what was delivered.
    async fn flush(&self) {
        loop {
            let places: Vec<_> = self.pending.lock().keys().take(BATCH_MAX).cloned().collect();
            let some = self.take(places.into_iter());
            if some.is_empty() {
                return;
            }
            match self.backends.mark_read(some.iter().map(delivery).collect()).await {
                Ok(_) => {}
                Err(fault) if fault.code.retryable() => return self.put_back(some),
                Err(fault) => tracing::error!(%fault, "delivery markers were refused"),
            }
        }
    }

    fn take(&self, places: impl Iterator<Item = Place>) -> Vec<(Place, Seq)> {
        let mut pending = self.pending.lock();
        places.filter_map(|place| pending.remove_entry(&place)).collect()
    }

    /// What could not be stored waits for the next time.
    fn put_back(&self, markers: Vec<(Place, Seq)>) {
        if markers.is_empty() {
            return;
        }
        let mut pending = self.pending.lock();
        for (place, seq) in markers {
            let marker = pending.entry(place).or_default();
            *marker = seq.max(*marker);
        }
        drop(pending);
        self.filled.notify_one();
    }
}

fn delivery(((user, room), delivered): &(Place, Seq)) -> ReadMarker {
    marker((user, *room), (Seq::ZERO, *delivered))
}

fn marker((user, room): (&UserId, RoomId), (read, delivered): (Seq, Seq)) -> ReadMarker {
    ReadMarker {
        user_id: user.to_string(),
        room_id: room.to_string(),
        seq: read.0,
        delivered_seq: delivered.0,
    }
}
