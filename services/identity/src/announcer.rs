//! Telling the gateways, after the commit and beside the call. A caller may wait until the bus was
//! told, for as long as its own patience lasts: a slow or dead bus fails no call.
//!
//! What is lost here is repaired by the gateways, which ask about the grants of their sessions from
//! time to time.

use std::sync::Arc;

use hubbub_bus::{Bus, Publication, Topic};
use hubbub_domain::{Timestamp, UserId};
use hubbub_proto::{
    bus::v1::{ContactChanged, Envelope, SessionsRevoked, envelope::Event},
    timestamp,
};
use hubbub_runtime::lifecycle::Lifecycle;
use prost::Message as _;
use tokio::sync::{mpsc, oneshot};

use crate::{contacts::Link, metrics, model::SessionId, wire};

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

/// Which sessions have ended.
#[derive(Clone, Copy)]
pub(crate) enum Ended<'a> {
    These(&'a [SessionId]),
    /// All that were there at that moment, but for the one that replaces them.
    All {
        but: Option<SessionId>,
    },
    /// All, because the user was banned.
    Banned,
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
        lifecycle.spawn("identity_announcer", async move {
            tokio::select! {
                () = run(bus, batches, &stopping) => {}
                () = stopping.abort.cancelled() => {}
            }
        });
        Self { queue }
    }

    pub(crate) fn revoked(&self, user: &UserId, ended: Ended<'_>, at: Timestamp) -> Told {
        let event = |session: String, except: Option<SessionId>| {
            let revoked = SessionsRevoked {
                user_id: user.to_string(),
                session_id: session,
                revoked_at: Some(timestamp(at)),
                except_session_id: except.map(|session| session.to_string()).unwrap_or_default(),
                banned: matches!(ended, Ended::Banned),
            };
            publication(user, Event::SessionsRevoked(revoked))
        };
        self.send(match ended {
            Ended::Banned => vec![event(String::new(), None)],
            Ended::All { but } => vec![event(String::new(), but)],
            Ended::These(sessions) => {
                sessions.iter().map(|session| event(session.to_string(), None)).collect()
            }
        })
    }

    /// Both learn how they stand now; nobody waits.
    pub(crate) fn contact(&self, user: &UserId, peer: &UserId, link: Option<Link>) {
        let side = |user: &UserId, peer: &UserId, link: Option<Link>| {
            let changed = ContactChanged {
                user_id: user.to_string(),
                peer_id: peer.to_string(),
                state: wire::contact_state(link).into(),
            };
            publication(user, Event::ContactChanged(changed))
        };
        drop(self.send(vec![side(user, peer, link), side(peer, user, link.map(Link::mirrored))]));
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

fn publication(user: &UserId, event: Event) -> Publication {
    let envelope = Envelope { event: Some(event) };
    Publication { topic: Topic::User(user.clone()), payload: envelope.encode_to_vec().into() }
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
