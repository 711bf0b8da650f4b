//! Sessions that began a moment ago, until they were asked about once more.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::session::Session;

/// Bounded by the connections there may be: a session is in it once, and weakly.
#[derive(Default)]
pub(super) struct Newcomers {
    sessions: Mutex<Vec<Weak<Session>>>,
    some: Notify,
}

impl Newcomers {
    pub(super) fn note(&self, session: &Arc<Session>) {
        self.sessions.lock().push(Arc::downgrade(session));
        self.some.notify_one();
    }

    /// Until there is one.
    pub(super) async fn wait(&self) {
        self.some.notified().await;
    }

    pub(super) fn take(&self) -> Vec<Arc<Session>> {
        let sessions = std::mem::take(&mut *self.sessions.lock());
        sessions.iter().filter_map(Weak::upgrade).collect()
    }

    pub(super) fn put_back(&self, sessions: &[Arc<Session>]) {
        self.sessions.lock().extend(sessions.iter().map(Arc::downgrade));
        self.some.notify_one();
    }
}
