//! Tasks that keep something true for as long as the gateway runs.

use hubbub_runtime::lifecycle::Lifecycle;

/// Runs until the lifecycle drains. What ends before has failed.
pub(crate) fn until_drained(
    lifecycle: &Lifecycle,
    name: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
) {
    #[derive(Debug, thiserror::Error)]
    #[error("it ended by itself")]
    struct Ended;

    let drain = lifecycle.drain.clone();
    lifecycle.spawn(name, async move {
        match drain.run_until_cancelled(task).await {
            Some(()) => Err(Ended),
            None => Ok(()),
        }
    });
}
