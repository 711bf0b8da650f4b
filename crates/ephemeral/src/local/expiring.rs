//! A map whose entries end. What has ended is never seen, and goes away when the map is written to.

use std::{collections::HashMap, hash::Hash, time::Duration};

use tokio::time::Instant;

pub(super) struct Expiring<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// Nothing has ended before that.
    look_after: Option<Instant>,
}

pub(super) struct Entry<V> {
    pub(super) value: V,
    pub(super) written: Instant,
    pub(super) ends: Instant,
}

impl<K, V> Default for Expiring<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), look_after: None }
    }
}

impl<K: Eq + Hash, V> Expiring<K, V> {
    /// Writes an entry, or writes it anew.
    pub(super) fn insert(&mut self, key: K, value: V, ttl: Duration) {
        self.forget_ended();
        let written = Instant::now();
        let ends = written + ttl;
        self.look_after = Some(self.look_after.map_or(ends, |known| known.min(ends)));
        self.entries.insert(key, Entry { value, written, ends });
    }

    pub(super) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&Entry<V>>
    where
        K: std::borrow::Borrow<Q>,
    {
        let now = Instant::now();
        self.entries.get(key).filter(|entry| entry.ends > now)
    }

    pub(super) fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q)
    where
        K: std::borrow::Borrow<Q>,
    {
        self.entries.remove(key);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &Entry<V>)> {
        let now = Instant::now();
        self.entries.iter().filter(move |(_, entry)| entry.ends > now)
    }

    fn forget_ended(&mut self) {
        let now = Instant::now();
        if self.look_after.is_some_and(|at| at <= now) {
            self.entries.retain(|_, entry| entry.ends > now);
            self.look_after = self.entries.values().map(|entry| entry.ends).min();
        }
    }
}
