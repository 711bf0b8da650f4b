//! Chance from a seed. Every actor has dice of its own, forked from the world's, so that one more
//! throw by one of them does not change what the others throw.

use std::{cell::RefCell, ops::Range, sync::Arc, time::Duration};

use hubbub_runtime::jitter::Jitter;
use parking_lot::Mutex;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::time::sleep;

#[derive(Clone)]
pub(super) struct Dice(Arc<Mutex<StdRng>>);

thread_local! {
    /// What the product's own jitter draws from while a world runs on this thread.
    static JITTER: RefCell<StdRng> = RefCell::new(StdRng::seed_from_u64(0));
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        JITTER.set(StdRng::seed_from_u64(!seed));
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    pub(super) fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(self.number()))))
    }

    pub(super) fn number(&self) -> u64 {
        self.0.lock().random()
    }

    pub(super) fn below(&self, bound: usize) -> usize {
        self.0.lock().random_range(0..bound)
    }

    pub(super) fn chance(&self, probability: f64) -> bool {
        self.0.lock().random_bool(probability)
    }

    pub(super) fn pick<'a, T>(&self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    pub(super) fn millis(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.0.lock().random_range(range))
    }

    /// A pause of virtual time, now and then none but letting others go first: together with the
    /// runtime's own order this is what makes each seed another schedule.
    pub(super) async fn pause(&self, range: Range<u64>) {
        for _ in 0..self.below(3) {
            tokio::task::yield_now().await;
        }
        let pause = self.millis(range);
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }
}

/// The jitter of a simulated gateway.
pub(super) fn jitter() -> Jitter {
    Jitter::from_fn(|| JITTER.with_borrow_mut(StdRng::random))
}
