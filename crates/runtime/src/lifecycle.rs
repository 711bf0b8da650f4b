//! How a process ends: in two stages, within a bound, and never silently.
//!
//! The first signal (or the failure of any task) cancels `drain`: tasks finish what they have begun
//! and take nothing new. A second signal, or `drain_timeout`, cancels `abort`: tasks stop where they
//! are. [`Lifecycle::wait`] returns when every task has ended, and is an error if one of them failed.
//!
//! Invariants: every task spawned here has an owner and a name; one that fails or panics takes the
//! process down with it; `wait` returns at most [`ABORT_PATIENCE`] after `abort`.

use std::{
    any::Any, collections::BTreeMap, error::Error, fmt, io, panic::AssertUnwindSafe, sync::Arc,
    time::Duration,
};

use futures::FutureExt as _;
use parking_lot::Mutex;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long `wait` goes on waiting for tasks that were told to stop at once.
pub const ABORT_PATIENCE: Duration = Duration::from_secs(2);

/// After how long a drain first logs what it waits for; every further time after twice as long.
const REPORT_FIRST: Duration = Duration::from_secs(1);

/// The tasks of a process, or of one stage of it, and the two tokens that end them.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    /// Finish what has begun, take nothing new.
    pub drain: CancellationToken,
    /// Stop where you are.
    pub abort: CancellationToken,
    tasks: TaskTracker,
    running: Arc<Names>,
    shared: Arc<Shared>,
}

/// How many tasks of each name are running, to name those that do not end.
type Names = Mutex<BTreeMap<&'static str, usize>>;

/// What all stages of one process have in common.
#[derive(Debug)]
struct Shared {
    drain_timeout: Duration,
    /// The drain of the first stage: what a failure anywhere cancels.
    first_drain: CancellationToken,
    /// In the order in which they drain.
    stages: Mutex<Vec<Stage>>,
    /// The first failure; the ones that follow from it are only logged.
    failure: Mutex<Option<TaskFailed>>,
}

#[derive(Clone, Debug)]
struct Stage {
    drain: CancellationToken,
    tasks: TaskTracker,
    running: Arc<Names>,
}

impl Stage {
    fn new() -> Self {
        let (drain, tasks) = (CancellationToken::new(), TaskTracker::new());
        Self { drain, tasks, running: Arc::default() }
    }

    /// Waits for every task of the stage, and says now and then which ones it waits for.
    async fn ended(&self) {
        let mut pause = REPORT_FIRST;
        while tokio::time::timeout(pause, self.tasks.wait()).await.is_err() {
            tracing::info!(waits_for = %self.running(), "still draining");
            pause *= 2;
        }
    }

    fn running(&self) -> String {
        let running = self.running.lock();
        running.iter().map(|(name, count)| format!("{name}×{count}")).collect::<Vec<_>>().join(", ")
    }
}

impl Lifecycle {
    /// A process without tasks. `drain_timeout` bounds the time between `drain` and `abort`.
    pub fn new(drain_timeout: Duration) -> Self {
        let stage = Stage::new();
        let shared = Arc::new(Shared {
            drain_timeout,
            first_drain: stage.drain.clone(),
            stages: Mutex::new(vec![stage.clone()]),
            failure: Mutex::default(),
        });
        let Stage { drain, tasks, running } = stage;
        Self { drain, abort: CancellationToken::new(), tasks, running, shared }
    }

    /// One more stage, directly behind this one: it begins to drain when every task of this stage, and
    /// of those before, has ended. What a role needs for its last requests (its stores, its peers in
    /// the same process) stands behind it.
    pub fn behind(&self) -> Self {
        let stage = Stage::new();
        let mut stages = self.shared.stages.lock();
        let here = stages.iter().position(|other| TaskTracker::ptr_eq(&other.tasks, &self.tasks));
        let next = here.expect("every stage is in the list") + 1;
        stages.insert(next, stage.clone());
        drop(stages);
        Self {
            drain: stage.drain,
            abort: self.abort.clone(),
            tasks: stage.tasks,
            running: stage.running,
            shared: Arc::clone(&self.shared),
        }
    }

    /// Runs a task until it ends. One that fails or panics drains the process and makes
    /// [`wait`](Self::wait) an error; one that ends well before the drain is simply done.
    pub fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output: Outcome> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let running = Running::started(name, Arc::clone(&self.running));
        self.tasks.spawn(async move {
            let reason = match AssertUnwindSafe(future).catch_unwind().await {
                Ok(outcome) => outcome.failure(),
                Err(panic) => Some(format!("panicked: {}", panic_text(panic.as_ref()))),
            };
            if let Some(reason) = reason {
                shared.fail(TaskFailed { task: name, reason });
            }
            drop(running);
        });
    }

    /// Drains on the first SIGTERM or SIGINT and aborts on the second.
    pub fn watch_signals(&self) -> io::Result<()> {
        let signals = Signals::listen()?;
        // Not one of the tasks `wait` waits for: it has nothing to finish.
        tokio::spawn(self.clone().obey(signals));
        Ok(())
    }

    async fn obey(self, mut signals: Signals) {
        let name = signals.next().await;
        tracing::info!(
            signal = name,
            at_most = ?self.shared.drain_timeout,
            "draining; a second signal stops the process at once"
        );
        self.drain_all();
        let name = signals.next().await;
        tracing::warn!(signal = name, "asked twice: stopping at once");
        self.abort.cancel();
    }

    /// Begins the end, as a signal would. Harmless when repeated.
    pub fn drain_all(&self) {
        self.shared.first_drain.cancel();
    }

    /// The drain of the first stage: cancelled from the moment the process is to end.
    pub fn first_drain(&self) -> &CancellationToken {
        &self.shared.first_drain
    }

    /// Waits for the drain to begin, then for every task to end; see the module for the bounds.
    pub async fn wait(&self) -> Result<(), TaskFailed> {
        self.shared.first_drain.cancelled().await;
        tokio::select! {
            () = self.drained() => {}
            () = self.abort.cancelled() => self.aborted().await,
            () = tokio::time::sleep(self.shared.drain_timeout) => {
                tracing::warn!(running = %self.running(), "the drain took too long: stopping at once");
                self.abort.cancel();
                self.aborted().await;
            }
        }
        self.shared.failure.lock().take().map_or(Ok(()), Err)
    }

    /// Drains stage after stage.
    async fn drained(&self) {
        let mut next = 0;
        while let Some(stage) = self.stage(next) {
            stage.drain.cancel();
            stage.tasks.close();
            stage.ended().await;
            next += 1;
        }
    }

    async fn aborted(&self) {
        if tokio::time::timeout(ABORT_PATIENCE, self.drained()).await.is_err() {
            tracing::error!(running = %self.running(), "tasks that did not stop are left behind");
        }
    }

    fn stage(&self, index: usize) -> Option<Stage> {
        self.shared.stages.lock().get(index).cloned()
    }

    /// The names of the tasks that have not ended, for the log.
    fn running(&self) -> String {
        let stages = self.shared.stages.lock();
        let names = stages.iter().map(Stage::running).filter(|names| !names.is_empty());
        names.collect::<Vec<_>>().join(", ")
    }
}

impl Shared {
    fn fail(&self, failure: TaskFailed) {
        tracing::error!(task = failure.task, reason = %failure.reason, "a task failed: draining");
        self.failure.lock().get_or_insert(failure);
        self.first_drain.cancel();
    }
}

/// Counts a task as running for as long as it lives.
struct Running {
    name: &'static str,
    all: Arc<Names>,
}

impl Running {
    fn started(name: &'static str, all: Arc<Names>) -> Self {
        *all.lock().entry(name).or_default() += 1;
        Self { name, all }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self.all.lock();
        if let Some(count) = running.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                running.remove(self.name);
            }
        }
    }
}

/// What a task may return: nothing, or a result whose error takes the process down.
pub trait Outcome: Send {
    /// Why it failed, with all its causes.
    fn failure(self) -> Option<String>;
}

impl Outcome for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E> Outcome for Result<(), E>
where
    E: Into<Box<dyn Error + Send + Sync>> + Send,
{
    fn failure(self) -> Option<String> {
        self.err().map(|error| causes(error.into().as_ref()))
    }
}

/// An error and what caused it, in one line.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some errors already print their source.
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}

/// The task that took the process down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFailed {
    pub task: &'static str,
    pub reason: String,
}

impl fmt::Display for TaskFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.task, self.reason)
    }
}

impl Error for TaskFailed {}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
