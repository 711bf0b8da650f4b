//! What a proxy's faults have really done: a fault that met no traffic did nothing, and a rig that
//! counts faults must not count it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start of the proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Toll {
    /// Bytes that came later than they would have.
    pub delayed: u64,
    /// Pieces that had to wait.
    pub held: u64,
    /// Bytes that vanished.
    pub swallowed: u64,
    /// Connections that were cut at a byte.
    pub cut: u64,
    /// Connections that were refused.
    pub refused: u64,
    /// Connections that were struck by a blow.
    pub struck: u64,
}

/// The counters behind a [`Toll`], shared by all connections of a proxy.
#[derive(Debug, Default)]
pub(super) struct Tolls {
    delayed: AtomicU64,
    held: AtomicU64,
    swallowed: AtomicU64,
    cut: AtomicU64,
    refused: AtomicU64,
    struck: AtomicU64,
}

impl Tolls {
    pub(super) fn delayed(&self, bytes: usize) {
        self.delayed.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn held(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn swallowed(&self, bytes: usize) {
        self.swallowed.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn cut(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn struck(&self, connections: usize) {
        self.struck.fetch_add(connections as u64, Ordering::Relaxed);
    }

    pub(super) fn sum(&self) -> Toll {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Toll {
            delayed: of(&self.delayed),
            held: of(&self.held),
            swallowed: of(&self.swallowed),
            cut: of(&self.cut),
            refused: of(&self.refused),
            struck: of(&self.struck),
        }
    }
}
