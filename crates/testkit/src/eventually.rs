//! Waiting for a condition with a deadline: the only way tests here wait for something.

use std::{future::Future, panic::Location, time::Duration};

use tokio::time::{Instant, sleep};

/// Between two looks at the condition.
const POLL: Duration = Duration::from_millis(10);

/// Returns once `condition` holds; panics, naming the caller's line, when it does not within
/// `deadline`. The condition is looked at once more after the deadline.
#[track_caller]
pub fn eventually<C, F>(deadline: Duration, mut condition: C) -> impl Future<Output = ()>
where
    C: FnMut() -> F,
    F: Future<Output = bool>,
{
    let caller = Location::caller();
    async move {
        let end = Instant::now() + deadline;
        loop {
            let last = Instant::now() >= end;
            if condition().await {
                return;
            }
            assert!(!last, "{caller}: the condition did not hold within {deadline:?}");
            sleep(POLL).await;
        }
    }
}
