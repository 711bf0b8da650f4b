//! Telling the bus, after the commit and beside the call. A caller may wait until it was told, for as
//! long as its own patience lasts: a slow or dead bus fails no call.
//!
//! What is lost here is a hint; the readers repair it by the version of a user's list and by the
//! notices in the room's history.

use std::sync::Arc;

use hubbub_bus::{Bus, Publication, Topic};
use hubbub_domain::{RoomId, UserId};
use hubbub_proto::bus::v1::Envelope;
use hubbub_runtime::lifecycle::Lifecycle;
use prost::Message as _;
use tokio::sync::{mpsc, oneshot};

use crate::{
    blocking::Block,
    metrics,
    model::{ChatFlags, MembershipChange, Room},
    store::Marked,
    wire,
};

/// Batches (one per call) that wait for the bus. One more is dropped and counted.
const BATCHES_MAX: usize = 4_096;
/// Batches that go out in one pipeline.
const PIPELINE_BATCHES_MAX: usize = 256;

/// Hands publications to the task that publishes them, in order.
#[derive(Clone)]
pub(crate) struct Announcer {
    queue: mpsc::Sender<Batch>,
}

/// The publications of one call.
struct Batch {
    publications: Vec<Publication>,
    /// Dropped once the bus was told, or could not be.
    told: oneshot::Sender<()>,
}

/// Ends when the bus was told, or could not be.
pub(crate) struct Told(oneshot::Receiver<()>);

impl Told {
    pub(crate) async fn wait(self) {
        // The sender says it by going away.
        let _gone = self.0.await;
    }
}

impl Announcer {
    /// Starts the publishing task; it ends with the drain, after what is queued by then.
    pub(crate) fn start(bus: Arc<dyn Bus>, lifecycle: &Lifecycle) -> Self {
        let (queue, batches) = mpsc::channel(BATCHES_MAX);
        let stopping = lifecycle.clone();
        lifecycle.spawn("room_announcer", async move {
            tokio::select! {
                () = run(bus, batches, &stopping) => {}
                () = stopping.abort.cancelled() => {}
            }
        });
        Self { queue }
    }

    /// Each concerned user learns of their own membership, the room's followers of the room.
    pub(crate) fn memberships(&self, changes: &[MembershipChange], room: Option<&Room>) -> Told {
        let to_users = changes.iter().map(|change| {
            publication(Topic::User(change.user.clone()), &wire::membership_changed(change))
        });
        let to_room = room.map(|room| publication(Topic::Room(room.id), &wire::room_updated(room)));
        self.send(to_users.chain(to_room).collect())
    }

    /// A user's other devices learn of flags and read markers.
    pub(crate) fn chats<'a>(&self, flags: impl Iterator<Item = &'a ChatFlags>) {
        let publications = flags
            .map(|flags| publication(Topic::User(flags.user.clone()), &wire::chat_changed(flags)));
        // Nobody is let in or shut out by it: nobody waits.
        drop(self.send(publications.collect()));
    }

    /// Whoever watches one of the two may have to look away. What is lost is found when it is asked again
    /// who may see whom.
    pub(crate) fn block(&self, block: &Block) {
        let envelope = wire::block_changed(block);
        let both = [&block.user, &block.peer];
        let to = |user: &UserId| publication(Topic::Presence(user.clone()), &envelope);
        drop(self.send(both.map(to).into()));
    }

    /// A room's members learn of each other's markers. What is lost the next one tells.
    pub(crate) fn receipts(&self, room: RoomId, moved: &[&Marked]) {
        let envelope = wire::receipts_moved(room, moved.iter().copied());
        drop(self.send(vec![publication(Topic::Room(room), &envelope)]));
    }

    fn send(&self, publications: Vec<Publication>) -> Told {
        let count = publications.len();
        let (told, waiting) = oneshot::channel();
        if count > 0 && self.queue.try_send(Batch { publications, told }).is_err() {
            metrics::publish_failed("full", count);
        }
        Told(waiting)
    }
}

fn publication(topic: Topic, envelope: &Envelope) -> Publication {
    Publication { topic, payload: envelope.encode_to_vec().into() }
}

async fn run(bus: Arc<dyn Bus>, mut batches: mpsc::Receiver<Batch>, lifecycle: &Lifecycle) {
    let mut taken = Vec::new();
    loop {
        tokio::select! {
            // What is queued goes first, also when the drain has begun.
            biased;
            count = batches.recv_many(&mut taken, PIPELINE_BATCHES_MAX) => {
                if count == 0 {
                    return;
                }
                let (publications, told): (Vec<_>, Vec<_>) =
                    taken.drain(..).map(|batch| (batch.publications, batch.told)).unzip();
                publish(bus.as_ref(), publications.into_iter().flatten().collect()).await;
                drop(told);
            }
            () = lifecycle.drain.cancelled() => return,
        }
    }
}

async fn publish(bus: &dyn Bus, pipeline: Vec<Publication>) {
    if let Err(error) = bus.publish(&pipeline).await {
        metrics::publish_failed("bus", pipeline.len());
        tracing::warn!(%error, publications = pipeline.len(), "the bus was not told");
    }
}
