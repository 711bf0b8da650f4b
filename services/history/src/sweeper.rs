//! Publishes what was committed and never published: after a crash, while the bus was down, or when
//! too much was waiting for it.
//!
//! Every instance sweeps; a row belongs to the one that claimed it. Rows come in the order of their
//! commits. While the bus is down the sweep asks ever more rarely, and catches up afterwards without a
//! pause between its steps.

use std::{collections::HashMap, mem, sync::Arc, time::Duration};

use hubbub_bus::{Bus, BusError};
use hubbub_domain::{Clock, RoomId, Timestamp};
use hubbub_runtime::lifecycle::Lifecycle;

use crate::{
    config::SweepConfig,
    envelope::{self, Traced},
    metrics,
    store::{Changes, Claim, Range, Store, StoreError},
};

/// Bytes and publications after which a pipeline is sent.
const PIPELINE_BYTES: usize = 1024 * 1024;
const PIPELINE_LEN: usize = 256;
/// Changes of one room that are published together at the most.
const MERGED_CHANGES_MAX: u64 = 512;

/// The task.
pub(crate) struct Sweeper {
    pub store: Arc<dyn Store>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub config: SweepConfig,
}

/// What a step came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// There may be more.
    Published,
    Nothing,
}

impl Sweeper {
    /// Sweeps until the lifecycle drains.
    pub(crate) async fn run(self, lifecycle: Lifecycle) {
        let mut pause = self.config.interval;
        loop {
            tokio::select! {
                () = lifecycle.drain.cancelled() => return,
                () = lifecycle.abort.cancelled() => return,
                () = tokio::time::sleep(jittered(pause)) => {}
            }
            pause = match self.sweep().await {
                Ok(()) => self.config.interval,
                Err(error) => {
                    tracing::warn!(%error, "the sweep failed");
                    (pause * 2).min(self.config.backoff_max.max(self.config.interval))
                }
            };
        }
    }

    /// Step after step until nothing is left.
    async fn sweep(&self) -> Result<(), SweepError> {
        self.measure().await?;
        while self.step().await? == Step::Published {}
        Ok(())
    }

    async fn step(&self) -> Result<Step, SweepError> {
        let result = self.publish_claimed().await;
        match &result {
            Ok(0) => metrics::swept("nothing", 0),
            Ok(ranges) => {
                tracing::info!(ranges, "published what was left in the outbox");
                metrics::swept("published", *ranges);
            }
            Err(SweepError::Store(_)) => metrics::swept("store_failed", 0),
            Err(SweepError::Bus(_)) => metrics::swept("bus_failed", 0),
        }
        Ok(if result? == 0 { Step::Nothing } else { Step::Published })
    }

    async fn publish_claimed(&self) -> Result<usize, SweepError> {
        let age_min = i64::try_from(self.config.age_min.as_micros()).unwrap_or(i64::MAX);
        let before = Timestamp::from_micros(self.clock.now().as_micros().saturating_sub(age_min));
        let mut claim = self.store.claim(before, self.config.rows_max).await?;
        let ranges = claim.ranges().len();
        if ranges == 0 {
            return Ok(0);
        }
        self.publish(claim.as_mut()).await?;
        claim.finish().await?;
        Ok(ranges)
    }

    async fn publish(&self, claim: &mut dyn Claim) -> Result<(), SweepError> {
        let mut pipeline = Vec::new();
        let mut bytes = 0;
        for range in merged(claim.ranges()) {
            let Changes { changes, epoch, .. } = claim.changes(range).await?;
            let changes = changes.into_iter().map(|change| Traced {
                room: range.room,
                change,
                traceparent: String::new(),
            });
            let publications = envelope::publications(epoch, changes);
            bytes +=
                publications.iter().map(|publication| publication.payload.len()).sum::<usize>();
            pipeline.extend(publications);
            if bytes >= PIPELINE_BYTES || pipeline.len() >= PIPELINE_LEN {
                self.bus.publish(&mem::take(&mut pipeline)).await?;
                bytes = 0;
            }
        }
        if !pipeline.is_empty() {
            self.bus.publish(&pipeline).await?;
        }
        Ok(())
    }

    async fn measure(&self) -> Result<(), SweepError> {
        let backlog = self.store.backlog().await?;
        let now = self.clock.now().as_micros();
        let age_us = backlog.oldest.map_or(0, |oldest| now.saturating_sub(oldest.as_micros()));
        metrics::outbox(backlog, Duration::from_micros(u64::try_from(age_us).unwrap_or(0)));
        Ok(())
    }
}

/// Joins what follows on itself in a room: a hot room has a range in every row. Rooms stay in the
/// order in which they first appear, and a room's ranges in theirs.
fn merged(ranges: &[Range]) -> Vec<Range> {
    let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
    let mut newest: HashMap<RoomId, usize> = HashMap::new();
    for range in ranges {
        let joined = newest.get(&range.room).map(|index| &mut merged[*index]).filter(|last| {
            last.last.next() == range.first && range.last.0 - last.first.0 < MERGED_CHANGES_MAX
        });
        if let Some(last) = joined {
            last.last = range.last;
        } else {
            newest.insert(range.room, merged.len());
            merged.push(*range);
        }
    }
    merged
}

/// Instances that were started together should not sweep together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.9..1.1))
}

#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{Rev, RoomId};

    use super::{MERGED_CHANGES_MAX, merged};
    use crate::store::Range;

    #[test]
    fn what_follows_on_itself_is_joined_within_a_bound() {
        let (a, b) = (RoomId::generate(), RoomId::generate());
        let range = |room, first, last| Range { room, first: Rev(first), last: Rev(last) };
        let ranges =
            [range(a, 1, 2), range(b, 5, 5), range(a, 3, 3), range(b, 7, 8), range(a, 4, 9)];
        assert_eq!(merged(&ranges), [range(a, 1, 9), range(b, 5, 5), range(b, 7, 8)]);
        let long = [range(a, 1, MERGED_CHANGES_MAX), range(a, MERGED_CHANGES_MAX + 1, 600)];
        assert_eq!(merged(&long), long);
    }
}
