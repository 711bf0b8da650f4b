//! What this gateway listens to on the bus. Additions of many sessions share one lock, removals take
//! it alone: so a removal never overtakes the addition of somebody who came back.

use std::sync::Arc;

use hubbub_bus::{BusError, Subscriptions, Topic};
use tokio::sync::{RwLock, RwLockWriteGuard};

pub(crate) struct Topics {
    subscriptions: Arc<dyn Subscriptions>,
    gate: RwLock<()>,
}

/// The right to remove topics: while it is held nobody adds any.
pub(crate) struct Removal<'a> {
    subscriptions: &'a Arc<dyn Subscriptions>,
    _alone: RwLockWriteGuard<'a, ()>,
}

impl Topics {
    pub(crate) fn new(subscriptions: Arc<dyn Subscriptions>) -> Self {
        Self { subscriptions, gate: RwLock::new(()) }
    }

    /// Returns when the bus confirmed the topics. When it cannot, they stay wanted: the bus says
    /// `Resumed` once it listens to them, and then heads are compared. So an outage of the bus
    /// delays live events and keeps nobody from connecting.
    pub(crate) async fn add(&self, topics: &[Topic]) {
        if topics.is_empty() {
            return;
        }
        let _shared = self.gate.read().await;
        if let Err(error) = self.subscriptions.add(topics).await {
            tracing::warn!(%error, topics = topics.len(), "listening has to wait for the bus");
        }
    }

    pub(crate) async fn removal(&self) -> Removal<'_> {
        Removal { subscriptions: &self.subscriptions, _alone: self.gate.write().await }
    }
}

impl Removal<'_> {
    pub(crate) async fn remove(&self, topics: &[Topic]) -> Result<(), BusError> {
        if topics.is_empty() { Ok(()) } else { self.subscriptions.remove(topics).await }
    }
}
