//! The sessions of this node, by their ids: which task a request goes to, and whether it may.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use dashmap::DashMap;
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::mpsc;

use super::polling::Ask;
use crate::{metrics, session::Outbox};

/// Between the node and the part that cannot be guessed.
const NODE_END: char = '.';
/// Of the part that cannot be guessed.
const RANDOM_BYTES: usize = 16;
/// Tokens one session may come with: that of its handshake, and one for each namespace.
const TOKENS_MAX: usize = 8;

/// A session id names the node that has the session: `<node>.<22 characters>`.
pub(super) fn new_sid(node: &str) -> String {
    let random: [u8; RANDOM_BYTES] = rand::random();
    format!("{node}{NODE_END}{}", URL_SAFE_NO_PAD.encode(random))
}

/// The node that has the session.
pub(super) fn node_of(sid: &str) -> Option<&str> {
    sid.rsplit_once(NODE_END).map(|(node, _)| node)
}

/// The tokens a session's requests may carry. Kept as keyed hashes.
#[derive(Debug)]
pub(super) struct Credentials {
    hasher: RandomState,
    known: Mutex<SmallVec<[u64; 2]>>,
}

impl Credentials {
    pub(super) fn new<'a>(tokens: impl Iterator<Item = &'a str>) -> Self {
        let hasher = RandomState::new();
        let known = tokens.map(|token| hasher.hash_one(token)).collect();
        Self { hasher, known: Mutex::new(known) }
    }

    pub(super) fn add(&self, token: &str) {
        let token = self.hasher.hash_one(token);
        let mut known = self.known.lock();
        if !known.contains(&token) {
            if known.len() >= TOKENS_MAX {
                known.remove(0);
            }
            known.push(token);
        }
    }

    /// Whether a request with these tokens may be the session's: a browser cannot set headers on a
    /// WebSocket, so none is as good as the right ones, but a wrong one is somebody else's.
    pub(super) fn admit<'a>(&self, mut tokens: impl Iterator<Item = &'a str>) -> bool {
        let known = self.known.lock();
        tokens.all(|token| known.contains(&self.hasher.hash_one(token)))
    }
}

/// What is known of a session outside of its task.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) outbox: Arc<Outbox>,
    pub(super) credentials: Arc<Credentials>,
    pub(super) way: Way,
}

/// How requests reach it.
#[derive(Clone)]
pub(super) enum Way {
    Polling(mpsc::Sender<Ask>),
    /// Over its WebSocket only.
    WebSocket,
}

#[derive(Default)]
pub(super) struct Registry {
    sessions: DashMap<Arc<str>, Entry>,
    /// Counted apart: the map's own count looks at every shard.
    count: AtomicUsize,
}

impl Registry {
    /// A place for one more session, until it leaves; `None` if there are `max`.
    pub(super) fn enter(self: &Arc<Self>, sid: &str, entry: Entry, max: usize) -> Option<Place> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= max {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let sid: Arc<str> = sid.into();
        self.sessions.insert(Arc::clone(&sid), entry);
        Some(Place { registry: Arc::clone(self), sid })
    }

    pub(super) fn get(&self, sid: &str) -> Option<Entry> {
        self.sessions.get(sid).map(|entry| entry.value().clone())
    }

    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The outboxes of all sessions.
    pub(super) fn outboxes(&self) -> Vec<Arc<Outbox>> {
        self.sessions.iter().map(|entry| Arc::clone(&entry.outbox)).collect()
    }
}

/// A session's entry, gone when dropped.
pub(super) struct Place {
    registry: Arc<Registry>,
    pub(super) sid: Arc<str>,
}

impl Place {
    /// From here on the session is reached over its WebSocket only.
    pub(super) fn upgraded(&self) {
        if let Some(mut entry) = self.registry.sessions.get_mut(&self.sid) {
            entry.way = Way::WebSocket;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.registry.sessions.remove(&self.sid);
        let before = self.registry.count.fetch_sub(1, Ordering::Relaxed);
        metrics::engine_sessions(before.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::{Credentials, TOKENS_MAX, new_sid, node_of};

    #[test]
    fn a_session_id_names_its_node_and_nothing_else() {
        let (one, other) = (new_sid("node-1"), new_sid("node-1"));
        assert_eq!(node_of(&one), Some("node-1"));
        assert_ne!(one, other);
        assert_eq!(one.len(), "node-1.".len() + 22);
        assert_eq!(node_of("abc"), None);
    }

    #[test]
    fn only_a_wrong_token_is_refused() {
        let credentials = Credentials::new(["alice"].into_iter());
        let admits = |tokens: &[&str]| credentials.admit(tokens.iter().copied());
        assert!(admits(&[]) && admits(&["alice"]) && admits(&["alice", "alice"]));
        assert!(!admits(&["bob"]) && !admits(&["alice", "bob"]));
        credentials.add("bob");
        assert!(admits(&["bob", "alice"]));
        for number in 0..TOKENS_MAX {
            credentials.add(&number.to_string());
        }
        assert!(!admits(&["alice"]), "bounded: the oldest is forgotten");
        assert!(!Credentials::new(std::iter::empty()).admit(std::iter::once("bob")));
    }
}
