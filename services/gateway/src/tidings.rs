//! What this gateway tells the others over the bus: hints that are lost without harm, because what they
//! tell ends by itself or is read again.

use std::sync::Arc;

use hubbub_bus::{Bus, Publication, Topic};
use hubbub_proto::bus::v1::{Envelope, envelope::Event};
use prost::Message as _;
use tokio::sync::mpsc;

use crate::metrics;

/// Tidings that wait for the bus. One more is dropped, and counted.
const QUEUE_MAX: usize = 16_384;
/// Tidings that go out in one pipeline.
const PIPELINE_MAX: usize = 512;

/// Hands tidings to the task that publishes them, in order.
#[derive(Clone)]
pub(crate) struct Tidings {
    queue: mpsc::Sender<Publication>,
}

/// What waits to be published.
pub(crate) struct Outgoing {
    bus: Arc<dyn Bus>,
    queue: mpsc::Receiver<Publication>,
}

impl Tidings {
    pub(crate) fn new(bus: Arc<dyn Bus>) -> (Self, Outgoing) {
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        (Self { queue: sender }, Outgoing { bus, queue })
    }

    pub(crate) fn tell(&self, topic: Topic, event: Event) {
        let payload = Envelope { event: Some(event) }.encode_to_vec().into();
        if self.queue.try_send(Publication { topic, payload }).is_err() {
            metrics::tidings_lost(1);
        }
    }
}

impl Outgoing {
    /// Runs for the life of the gateway.
    pub(crate) async fn run(mut self) {
        let mut batch = Vec::new();
        while self.queue.recv_many(&mut batch, PIPELINE_MAX).await > 0 {
            if let Err(error) = self.bus.publish(&batch).await {
                metrics::tidings_lost(batch.len());
                tracing::debug!(%error, tidings = batch.len(), "the other gateways were not told");
            }
            batch.clear();
        }
    }
}
