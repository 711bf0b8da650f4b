//! A bus that keeps what it was told, and can be made to fail.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use hubbub_bus::{Bus, BusError, Publication, Subscriber, Topic};
use hubbub_proto::bus::v1::{Envelope, envelope::Event};
use parking_lot::Mutex;
use prost::Message as _;

#[derive(Default)]
pub(crate) struct Recorder {
    told: Mutex<Vec<(Topic, Event)>>,
    pub(crate) down: AtomicBool,
}

impl Recorder {
    /// What a topic was told so far, in order.
    pub(crate) fn on(&self, topic: &Topic) -> Vec<Event> {
        let told = self.told.lock();
        told.iter().filter(|(place, _)| place == topic).map(|(_, event)| event.clone()).collect()
    }
}

#[async_trait]
impl Bus for Recorder {
    async fn publish(&self, batch: &[Publication]) -> Result<(), BusError> {
        if self.down.load(Ordering::Relaxed) {
            return Err(BusError::Unavailable("down for the test".to_owned()));
        }
        let events = batch.iter().map(|publication| {
            let envelope = Envelope::decode(publication.payload.clone()).expect("an envelope");
            (publication.topic.clone(), envelope.event.expect("an event"))
        });
        self.told.lock().extend(events);
        Ok(())
    }

    async fn subscribe(&self) -> Result<Subscriber, BusError> {
        Err(BusError::Config("nobody listens in these tests".to_owned()))
    }
}
