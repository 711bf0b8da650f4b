//! The bus of a single process: no server, so nothing to lose but what a slow reader leaves.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use parking_lot::{Mutex, RwLock};

use crate::{
    Bus, BusError, Publication, Subscriber, Subscriptions, Topic,
    feed::{self, Outlet},
    metrics,
};

#[derive(Default)]
pub(crate) struct LocalBus {
    audience: Arc<Audience>,
    subscribers: AtomicU64,
}

/// Who listens on what. Publishing reads it, so that publishers do not wait for each other.
#[derive(Default)]
struct Audience {
    listeners: RwLock<HashMap<Topic, Vec<Listener>>>,
}

/// A subscriber's number and where it gets its payloads.
type Listener = (u64, Arc<Outlet>);

impl Audience {
    fn leave(&self, id: u64, topics: &[Topic]) {
        let mut listeners = self.listeners.write();
        for topic in topics {
            if let Some(here) = listeners.get_mut(topic) {
                here.retain(|(listener, outlet)| *listener != id && !outlet.is_closed());
                if here.is_empty() {
                    listeners.remove(topic);
                }
            }
        }
    }
}

#[async_trait]
impl Bus for LocalBus {
    async fn publish(&self, batch: &[Publication]) -> Result<(), BusError> {
        let listeners = self.audience.listeners.read();
        for publication in batch {
            for (_, outlet) in listeners.get(&publication.topic).into_iter().flatten() {
                outlet.deliver(publication.topic.clone(), publication.payload.clone());
            }
        }
        metrics::published(batch.len());
        Ok(())
    }

    async fn subscribe(&self) -> Result<Subscriber, BusError> {
        let (outlet, feed) = feed::feed();
        let subscriptions = Arc::new(LocalSubscriptions {
            id: self.subscribers.fetch_add(1, Ordering::Relaxed),
            audience: Arc::clone(&self.audience),
            outlet,
            topics: Mutex::default(),
        });
        Ok(Subscriber { subscriptions, feed })
    }
}

struct LocalSubscriptions {
    id: u64,
    audience: Arc<Audience>,
    outlet: Arc<Outlet>,
    topics: Mutex<HashSet<Topic>>,
}

#[async_trait]
impl Subscriptions for LocalSubscriptions {
    async fn add(&self, topics: &[Topic]) -> Result<(), BusError> {
        let mut mine = self.topics.lock();
        let before = mine.len();
        let mut listeners = self.audience.listeners.write();
        for topic in topics {
            if mine.insert(topic.clone()) {
                let listener = (self.id, Arc::clone(&self.outlet));
                listeners.entry(topic.clone()).or_default().push(listener);
            }
        }
        metrics::topics_changed(before, mine.len());
        Ok(())
    }

    async fn remove(&self, topics: &[Topic]) -> Result<(), BusError> {
        let mut mine = self.topics.lock();
        let before = mine.len();
        for topic in topics {
            mine.remove(topic);
        }
        self.audience.leave(self.id, topics);
        metrics::topics_changed(before, mine.len());
        Ok(())
    }
}

impl Drop for LocalSubscriptions {
    fn drop(&mut self) {
        let topics: Vec<_> = self.topics.get_mut().drain().collect();
        self.audience.leave(self.id, &topics);
        metrics::topics_changed(topics.len(), 0);
    }
}
