//! Repeating calls that are harmless to repeat.
//!
//! Only the caller knows which those are, so it wraps them itself. Attempts and time are bounded, the
//! pauses are jittered so that callers who failed together do not return together, and the call
//! is made anew each time, so that [`Transport::pick`](super::Transport::pick) can give the next
//! healthy address.

use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code, Status};

use super::deadline;
use crate::jitter::Jitter;

/// How often and how long a call is repeated.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Counting the first.
    pub attempts_max: u32,
    /// The pause before the first repetition; doubles from then on. Half of it is random.
    pub pause: Duration,
    /// The time all attempts have together.
    pub within: Duration,
    /// Where the random half of a pause comes from.
    pub jitter: Jitter,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 3,
            pause: Duration::from_millis(20),
            within: Duration::from_secs(5),
            jitter: Jitter::default(),
        }
    }
}

/// Calls until it succeeds, fails for good, or the policy's bounds are reached; the last answer
/// counts.
pub async fn retry_idempotent<T, F, R>(policy: RetryPolicy, mut call: F) -> Result<T, Status>
where
    F: FnMut() -> R,
    R: Future<Output = Result<T, Status>>,
{
    let end = Instant::now() + policy.within;
    let mut pause = policy.pause;
    let mut attempt = 1;
    loop {
        let result = tokio::time::timeout_at(end, call()).await;
        let status = match result {
            Ok(Err(status)) if may_pass(status.code()) => status,
            Ok(settled) => return settled,
            Err(_elapsed) => return Err(deadline::exceeded()),
        };
        let wait = policy.jitter.scale(pause, 0.5..1.0);
        if attempt >= policy.attempts_max || Instant::now() + wait >= end {
            return Err(status);
        }
        tokio::time::sleep(wait).await;
        pause *= 2;
        attempt += 1;
    }
}

/// `unknown` and `cancelled` are what a connection that broke in mid-answer looks like.
const fn may_pass(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Aborted)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use tonic::{Code, Status};

    use super::{Jitter, RetryPolicy, retry_idempotent};

    const POLICY: RetryPolicy = RetryPolicy {
        attempts_max: 3,
        pause: Duration::from_millis(1),
        within: Duration::from_secs(30),
        jitter: Jitter::from_fn(|| 0.5),
    };

    async fn outcome(codes: &[Code]) -> (Result<(), Code>, usize) {
        let calls = Cell::new(0);
        let result = retry_idempotent(POLICY, || {
            let code = codes.get(calls.get()).copied().unwrap_or(Code::Ok);
            calls.set(calls.get() + 1);
            async move { if code == Code::Ok { Ok(()) } else { Err(Status::new(code, "")) } }
        });
        let result = result.await.map_err(|status| status.code());
        (result, calls.get())
    }

    #[tokio::test]
    async fn repeats_only_what_may_pass() {
        assert_eq!(outcome(&[Code::Unavailable, Code::Unknown]).await, (Ok(()), 3));
        assert_eq!(outcome(&[Code::Unavailable; 9]).await, (Err(Code::Unavailable), 3));
        assert_eq!(outcome(&[Code::NotFound]).await, (Err(Code::NotFound), 1));
    }

    #[tokio::test]
    async fn ends_within_its_time() {
        let policy = RetryPolicy { within: Duration::from_millis(100), ..POLICY };
        let never = retry_idempotent(policy, std::future::pending::<Result<(), Status>>);
        assert_eq!(never.await.expect_err("no answer").code(), Code::DeadlineExceeded);
    }
}
