//! A clock that can be put forward: days pass at once.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use hubbub_domain::{Clock, SystemClock, Timestamp};

/// The machine's time and what was added to it.
#[derive(Default)]
pub(crate) struct FastClock {
    ahead_us: AtomicI64,
}

impl FastClock {
    pub(crate) fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).expect("some days");
        self.ahead_us.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        let ahead_us = self.ahead_us.load(Ordering::Relaxed);
        Timestamp::from_micros(SystemClock.now().as_micros() + ahead_us)
    }
}
