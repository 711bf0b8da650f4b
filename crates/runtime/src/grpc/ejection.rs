//! Whether an address is worth calling.
//!
//! An address that cannot be reached, does not answer in time or says `unavailable` is *ejected*: left
//! alone for a while that doubles with every failure in a row. Then one call probes it (no other
//! until that one is answered, or the while is over again); a success makes it healthy at once.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

pub(super) struct Ejection {
    min: Duration,
    max: Duration,
    /// Whether `state` says anything: spares the message path the lock while all is well.
    ailing: AtomicBool,
    state: Mutex<State>,
}

struct State {
    /// Failures in a row, each counted at most once per ejection.
    failures: u32,
    until: Instant,
    /// A call was let through to find out.
    probing: bool,
}

/// What is to be said about one more call to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Healthy,
    /// The next call may find out; see [`Ejection::claim_probe`].
    ProbeDue,
    Ejected,
}

impl Ejection {
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        let state = State { failures: 0, until: Instant::now(), probing: false };
        Self { min, max, ailing: AtomicBool::new(false), state: Mutex::new(state) }
    }

    pub(super) fn admission(&self, now: Instant) -> Admission {
        if !self.ailing.load(Ordering::Acquire) {
            Admission::Healthy
        } else if now < self.state.lock().until {
            Admission::Ejected
        } else {
            Admission::ProbeDue
        }
    }

    /// True for exactly one of those who ask while a probe is due.
    pub(super) fn claim_probe(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        if now < state.until {
            return false;
        }
        state.until = now + self.length(state.failures);
        state.probing = true;
        true
    }

    pub(super) fn succeeded(&self) {
        if self.ailing.load(Ordering::Acquire) {
            let mut state = self.state.lock();
            state.failures = 0;
            self.ailing.store(false, Ordering::Release);
        }
    }

    /// True when this failure ejected the address (again).
    pub(super) fn failed(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        // Calls that were in flight together fail together: that is one failure.
        if state.failures > 0 && now < state.until && !state.probing {
            return false;
        }
        state.failures = state.failures.saturating_add(1);
        state.until = now + self.length(state.failures);
        state.probing = false;
        self.ailing.store(true, Ordering::Release);
        true
    }

    fn length(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        self.min.saturating_mul(1 << doublings).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Admission, Ejection};

    const MIN: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_millis(400);

    #[test]
    fn backs_off_and_probes_with_one_call() {
        let ejection = Ejection::new(MIN, MAX);
        let mut now = Instant::now();
        assert_eq!(ejection.admission(now), Admission::Healthy);
        for length in [MIN, MIN * 2, MAX, MAX] {
            assert!(ejection.failed(now));
            assert!(!ejection.failed(now), "failures together count once");
            assert_eq!(ejection.admission(now), Admission::Ejected);
            now += length;
            assert_eq!(ejection.admission(now), Admission::ProbeDue);
            assert!(ejection.claim_probe(now));
            assert!(!ejection.claim_probe(now), "one probe at a time");
            assert_eq!(ejection.admission(now), Admission::Ejected);
        }
        ejection.succeeded();
        assert_eq!(ejection.admission(now), Admission::Healthy);
    }

    #[test]
    fn a_probe_that_is_never_answered_is_repeated() {
        let ejection = Ejection::new(MIN, MAX);
        let now = Instant::now();
        ejection.failed(now);
        assert!(ejection.claim_probe(now + MIN));
        assert!(ejection.claim_probe(now + MIN * 2));
    }
}
