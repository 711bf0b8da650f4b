//! When a client's token ends, and whether it was told that it will.

use std::time::Duration;

use hubbub_domain::Timestamp;
use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct Expiry {
    at: Timestamp,
    /// How long before its end the client is told.
    notice: Duration,
    told: bool,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// The client is to be told.
    Notice(Timestamp),
    End,
}

impl Expiry {
    pub(super) const fn new(at: Timestamp, notice: Duration) -> Self {
        Self { at, notice, told: false }
    }

    /// Another token was given.
    pub(super) const fn renew(&mut self, at: Timestamp) {
        (self.at, self.told) = (at, false);
    }

    /// When there is something to do.
    pub(super) fn deadline(&self, now: Timestamp) -> Instant {
        let left = self.left(now);
        Instant::now() + if self.told { left } else { left.saturating_sub(self.notice) }
    }

    pub(super) fn due(&mut self, now: Timestamp) -> Due {
        if now >= self.at {
            return Due::End;
        }
        if !self.told && self.left(now) <= self.notice {
            self.told = true;
            return Due::Notice(self.at);
        }
        Due::Nothing
    }

    fn left(&self, now: Timestamp) -> Duration {
        Duration::from_micros(u64::try_from(self.at.as_micros() - now.as_micros()).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hubbub_domain::Timestamp;

    use super::{Due, Expiry};

    #[test]
    fn a_client_is_told_once_and_then_ended() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut expiry = Expiry::new(at(100), Duration::from_mins(1));
        assert_eq!(expiry.due(at(39)), Due::Nothing);
        assert_eq!(expiry.due(at(40)), Due::Notice(at(100)));
        assert_eq!(expiry.due(at(41)), Due::Nothing);
        expiry.renew(at(200));
        assert_eq!(expiry.due(at(120)), Due::Nothing);
        assert_eq!(expiry.due(at(140)), Due::Notice(at(200)));
        assert_eq!(expiry.due(at(200)), Due::End);
    }
}
