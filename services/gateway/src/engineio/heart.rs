//! One client's heartbeat. Every moment follows from the handshake or from an answer of the client,
//! never from when a timer happened to run: a late timer must not give a silent client more time.

use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct Heart {
    interval: Duration,
    timeout: Duration,
    next: Next,
}

#[derive(Debug)]
enum Next {
    Ping { at: Instant },
    Pong { until: Instant },
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Rest,
    Ping,
    /// The client is silent.
    Stop,
}

impl Heart {
    /// Begins with the handshake: the first ping comes one interval later.
    pub(super) fn new(handshake: Instant, interval: Duration, timeout: Duration) -> Self {
        Self { interval, timeout, next: Next::Ping { at: handshake + interval } }
    }

    /// When [`beat`](Self::beat) has something to say.
    pub(super) const fn due(&self) -> Instant {
        match self.next {
            Next::Ping { at } => at,
            Next::Pong { until } => until,
        }
    }

    pub(super) fn beat(&mut self, now: Instant) -> Beat {
        match self.next {
            Next::Ping { at } if now >= at => {
                // If we were so late that the client could not answer in time, it has half the time.
                let until = (at + self.timeout).max(now + self.timeout / 2);
                self.next = Next::Pong { until };
                Beat::Ping
            }
            Next::Pong { until } if now >= until => Beat::Stop,
            _ => Beat::Rest,
        }
    }

    /// The client answered.
    pub(super) fn pong(&mut self, now: Instant) {
        if let Next::Pong { .. } = self.next {
            self.next = Next::Ping { at: now + self.interval };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Beat, Heart};

    #[test]
    fn beats_by_the_clock_of_the_handshake() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut heart = Heart::new(start, Duration::from_millis(300), Duration::from_millis(200));
        assert_eq!(heart.beat(at(299)), Beat::Rest);
        heart.pong(at(299)); // Nobody asked.
        assert_eq!(heart.beat(at(304)), Beat::Ping);
        assert_eq!(heart.due(), at(500), "not 504");
        assert_eq!(heart.beat(at(499)), Beat::Rest);
        heart.pong(at(499));
        assert_eq!(heart.due(), at(799));
        assert_eq!(heart.beat(at(799)), Beat::Ping);
        assert_eq!(heart.beat(at(999)), Beat::Stop);
    }

    #[test]
    fn our_own_lateness_is_not_the_clients() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut heart = Heart::new(start, Duration::from_millis(300), Duration::from_millis(200));
        assert_eq!(heart.beat(at(900)), Beat::Ping);
        assert_eq!(heart.beat(at(999)), Beat::Rest);
        assert_eq!(heart.beat(at(1_000)), Beat::Stop);
    }
}
