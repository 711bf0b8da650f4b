//! Messages on their way to history. Rooms are spread over lanes; a lane has one call under way, and
//! what arrives meanwhile makes up the next one. So a room's messages leave in the order they came,
//! many messages share a call, and nothing waits for a timer while a lane is idle.
//!
//! A lane prefers one history instance, the same on every gateway: batches are larger there, and
//! fewer instances wait for the same room. Correctness does not depend on it.

use std::sync::Arc;

use hubbub_domain::Fault;
use hubbub_runtime::lifecycle::Lifecycle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    backends::{AppendWay, Appended, Backends, Entry, lane_of},
    config::AppenderConfig,
    metrics,
};

/// What to do with the outcome. Called once, on the lane's task: it must not wait.
pub(crate) type Done = Box<dyn FnOnce(Result<Appended, Fault>) + Send>;

pub(crate) struct Appender {
    lanes: Vec<mpsc::Sender<(Entry, Done)>>,
}

impl Appender {
    pub(crate) fn start(
        config: &AppenderConfig,
        backends: &Backends,
        lifecycle: &Lifecycle,
    ) -> Self {
        let lanes = (0..config.lanes.get()).map(|number| {
            // At the bound a message is refused as `unavailable`: see `submit`.
            let (sender, receiver) = mpsc::channel(config.lane_messages_max);
            let way = AppendWay::new(number as u128);
            let lane = Lane { way, receiver, backends: backends.clone() };
            lifecycle.spawn("append lane", lane.run(config.batch_max, lifecycle.drain.clone()));
            sender
        });
        Self { lanes: lanes.collect() }
    }

    /// Hands a message over. A full lane refuses it at once: nothing was stored.
    pub(crate) fn submit(&self, entry: Entry, done: Done) {
        let lane = &self.lanes[lane_of(entry.room, self.lanes.len())];
        // Before it can be taken: the gauge never shows less than nothing.
        metrics::append_queued();
        if let Err(refused) = lane.try_send((entry, done)) {
            metrics::append_unqueued(1);
            metrics::append_refused();
            let (_, done) = match refused {
                mpsc::error::TrySendError::Full(item) | mpsc::error::TrySendError::Closed(item) => {
                    item
                }
            };
            done(Err(Fault::unavailable("too many messages are waiting to be stored")));
        }
    }
}

struct Lane {
    way: AppendWay,
    receiver: mpsc::Receiver<(Entry, Done)>,
    backends: Backends,
}

impl Lane {
    /// Until the drain, and what had been handed over by then.
    async fn run(mut self, batch_max: usize, drain: CancellationToken) {
        let mut batch = Vec::new();
        loop {
            let received = tokio::select! {
                biased;
                received = self.receiver.recv_many(&mut batch, batch_max) => received,
                () = drain.cancelled(), if !self.receiver.is_closed() => {
                    self.receiver.close();
                    continue;
                }
            };
            if received == 0 {
                return;
            }
            let (entries, done): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
            metrics::append_unqueued(entries.len());
            metrics::append_batch(entries.len());
            match self.backends.append(&mut self.way, entries).await {
                Ok(results) => {
                    done.into_iter().zip(results).for_each(|(done, result)| done(result));
                }
                Err(fault) => done.into_iter().for_each(|done| done(Err(fault.clone()))),
            }
        }
    }
}

/// Waits for the outcome instead of being called with it.
pub(crate) async fn submit_and_wait(
    appender: &Arc<Appender>,
    entry: Entry,
) -> Result<Appended, Fault> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    appender.submit(entry, Box::new(move |outcome| drop(sender.send(outcome))));
    receiver.await.unwrap_or_else(|_| Err(Fault::unavailable("the gateway is going away")))
}
