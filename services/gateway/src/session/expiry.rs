//! When a session's token ends, and whether its client was told that it will.
//!
//! The token's own time is read once, against the clock as it is then; from there on only time that
//! passes counts, so that a timer that has run out always finds something to do.

use std::time::Duration;

use hubbub_domain::Timestamp;
use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Expiry {
    at: Timestamp,
    ends: Instant,
    /// When the client is to be told; `None` once it was.
    notice: Option<Instant>,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// The client is to be told when its token ends.
    Notice(Timestamp),
    End,
}

impl Expiry {
    /// Of a token that ends at `at`, now that the clock shows `clock`. The client is told so long before.
    pub(crate) fn new(at: Timestamp, clock: Timestamp, notice: Duration) -> Self {
        let left = u64::try_from(at.as_micros() - clock.as_micros()).unwrap_or(0);
        let (now, left) = (Instant::now(), Duration::from_micros(left));
        Self { at, ends: now + left, notice: Some(now + left.saturating_sub(notice)) }
    }

    /// When there is something to do.
    pub(crate) fn deadline(&self) -> Instant {
        self.notice.unwrap_or(self.ends)
    }

    pub(crate) fn due(&mut self, now: Instant) -> Due {
        if now >= self.ends {
            return Due::End;
        }
        match self.notice.take_if(|at| now >= *at) {
            Some(_) => Due::Notice(self.at),
            None => Due::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hubbub_domain::Timestamp;
    use tokio::time::Instant;

    use super::{Due, Expiry};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_told_once_and_then_ended() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let mut expiry = Expiry::new(at(1_100), at(1_000), Duration::from_mins(1));
        assert_eq!(expiry.deadline(), after(40));
        assert_eq!(expiry.due(after(39)), Due::Nothing);
        assert_eq!(expiry.due(after(40)), Due::Notice(at(1_100)));
        assert_eq!(expiry.deadline(), after(100));
        assert_eq!(expiry.due(after(41)), Due::Nothing);
        assert_eq!(expiry.due(after(100)), Due::End);
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_a_timer_waited_for_is_due_then() {
        for lifetime in [-5, 0, 5, 60, 61, 3_600] {
            let mut expiry = Expiry::new(at(lifetime), at(0), Duration::from_mins(1));
            tokio::time::sleep_until(expiry.deadline()).await;
            assert_ne!(expiry.due(Instant::now()), Due::Nothing, "{lifetime} s");
            tokio::time::sleep_until(expiry.deadline()).await;
            assert_eq!(expiry.due(Instant::now()), Due::End, "{lifetime} s");
        }
    }
}
