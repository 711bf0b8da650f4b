//! Tells the bus what one writer committed, in its order, without holding the writer up.
//!
//! What does not fit into the queue, and what the bus does not take, is left to the sweep: its outbox
//! row stays. A row is offered for deletion only after its publication succeeded.

use std::{mem, sync::Arc};

use hubbub_bus::Bus;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    envelope::{self, Traced},
    metrics,
    store::{OutboxId, Store},
};

/// Commits that wait for the bus; their bytes have a bound of their own. At either: left to the sweep.
const QUEUE_COMMITS_MAX: usize = 256;
/// Commits that go out in one pipeline.
const PIPELINE_COMMITS_MAX: usize = 16;
/// Published rows that wait to be deleted. At the bound they are forgotten: the sweep publishes them
/// once more, which nobody minds, and deletes them.
const FINISHED_ROWS_MAX: usize = 4_096;

/// What a transaction changed.
pub(crate) struct Commit {
    pub changes: Vec<Traced>,
    pub outbox: OutboxId,
    /// About how large it is.
    pub bytes: usize,
}

/// The writing end; cheap to clone.
#[derive(Clone)]
pub(crate) struct Publisher {
    queue: mpsc::Sender<(Commit, OwnedSemaphorePermit)>,
    bytes: Arc<Semaphore>,
    bytes_max: usize,
    finished: Arc<Finished>,
}

/// The task's end.
pub(crate) struct Publishing {
    queue: mpsc::Receiver<(Commit, OwnedSemaphorePermit)>,
    bus: Arc<dyn Bus>,
    finished: Arc<Finished>,
}

/// Outbox rows whose changes were published and that can be deleted.
#[derive(Default)]
pub(crate) struct Finished {
    rows: Mutex<Vec<OutboxId>>,
}

pub(crate) fn publisher(bus: Arc<dyn Bus>, bytes_max: usize) -> (Publisher, Publishing) {
    let (sender, receiver) = mpsc::channel(QUEUE_COMMITS_MAX);
    let bytes_max = bytes_max.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize);
    let finished = Arc::<Finished>::default();
    let publisher = Publisher {
        queue: sender,
        bytes: Arc::new(Semaphore::new(bytes_max)),
        bytes_max,
        finished: Arc::clone(&finished),
    };
    (publisher, Publishing { queue: receiver, bus, finished })
}

impl Publisher {
    /// Hands a commit over, or leaves it to the sweep. Never waits.
    pub(crate) fn publish(&self, commit: Commit) {
        let bytes = u32::try_from(commit.bytes.min(self.bytes_max)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.bytes).try_acquire_many_owned(bytes);
        let sent = permit.is_ok_and(|permit| self.queue.try_send((commit, permit)).is_ok());
        if !sent {
            metrics::publish_skipped();
        }
    }

    /// Takes the rows that can be deleted.
    pub(crate) fn take_finished(&self) -> Vec<OutboxId> {
        mem::take(&mut self.finished.rows.lock())
    }

    /// Gives rows back that could not be deleted.
    pub(crate) fn return_finished(&self, rows: Vec<OutboxId>) {
        self.finished.add(rows);
    }
}

impl Finished {
    fn add(&self, rows: impl IntoIterator<Item = OutboxId>) {
        let mut finished = self.rows.lock();
        finished.extend(rows);
        finished.truncate(FINISHED_ROWS_MAX);
    }
}

impl Publishing {
    /// Publishes until `last` says that the writer has ended and its commits are all told. What is
    /// then still in the outbox of what was told goes with it.
    pub(crate) async fn run(
        mut self,
        store: Arc<dyn Store>,
        abort: CancellationToken,
        last: CancellationToken,
    ) {
        let mut commits = Vec::with_capacity(PIPELINE_COMMITS_MAX);
        loop {
            let received = tokio::select! {
                biased;
                () = abort.cancelled() => return,
                received = self.queue.recv_many(&mut commits, PIPELINE_COMMITS_MAX) => received,
                () = last.cancelled(), if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
            };
            if received == 0 {
                break;
            }
            self.tell(mem::take(&mut commits)).await;
        }
        let rows = mem::take(&mut *self.finished.rows.lock());
        if let Err(error) = store.finish(&rows).await {
            tracing::debug!(%error, rows = rows.len(), "published rows stay in the outbox");
        }
    }

    async fn tell(&self, commits: Vec<(Commit, OwnedSemaphorePermit)>) {
        let (commits, permits): (Vec<_>, Vec<_>) = commits.into_iter().unzip();
        let rows: Vec<_> = commits.iter().map(|commit| commit.outbox).collect();
        // One publication per room and commit: a pipeline may hold several of one room, in order.
        let publications: Vec<_> = commits
            .into_iter()
            .flat_map(|commit| envelope::publications(commit.outbox.epoch, commit.changes))
            .collect();
        match self.bus.publish(&publications).await {
            Ok(()) => self.finished.add(rows),
            Err(error) => {
                metrics::publish_failed(rows.len());
                tracing::warn!(%error, commits = rows.len(), "not published; left to the sweep");
            }
        }
        drop(permits);
    }
}
