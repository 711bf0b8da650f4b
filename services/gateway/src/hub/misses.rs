//! Fetches that several sessions share: a crowd that lost the same node asks for the same changes at
//! about the same time, and history is asked once. What failed is told to all who waited, and asked
//! for again by the next.

use std::{sync::Arc, time::Duration};

use hubbub_domain::{Fault, Rev, RoomId};
use parking_lot::Mutex;
use tokio::{sync::OnceCell, time::Instant};

use super::{Encoded, Epoch};
use crate::steady::SteadyMap;

/// Changes that follow one another.
pub(super) type Changes = Arc<[Arc<Encoded>]>;

/// As long as a fetch may take, and long enough for a crowd to share it. What it brought never
/// changes; there may only be more by then.
const KEPT: Duration = Duration::from_secs(5);
/// At the bound a miss is fetched for one session alone.
const MISSES_MAX: usize = 1_024;

/// A room, the epoch it is in, and the revision after which changes are missing.
type Missed = ((RoomId, Epoch), Rev);

#[derive(Default)]
pub(super) struct Misses(Mutex<SteadyMap<Missed, Arc<Miss>>>);

struct Miss {
    asked_at: Instant,
    answer: OnceCell<Result<Changes, Fault>>,
}

impl Misses {
    /// What somebody else fetched or is fetching, or else what `fetch` brings.
    pub(super) async fn share(
        &self,
        key: Missed,
        fetch: impl Future<Output = Result<Changes, Fault>>,
    ) -> Result<Changes, Fault> {
        let miss = self.miss(key);
        let answer = miss.answer.get_or_init(|| fetch).await.clone();
        if answer.is_err() {
            let mut misses = self.0.lock();
            if misses.get(&key).is_some_and(|known| Arc::ptr_eq(known, &miss)) {
                misses.remove(&key);
            }
        }
        answer
    }

    /// Gives back what nobody will share any more.
    pub(super) fn forget_old(&self) {
        let mut misses = self.0.lock();
        misses.retain(|_, miss| miss.asked_at.elapsed() < KEPT);
        if misses.is_empty() {
            *misses = SteadyMap::default();
        }
    }

    fn miss(&self, key: Missed) -> Arc<Miss> {
        let mut misses = self.0.lock();
        if let Some(known) = misses.get(&key).filter(|miss| miss.asked_at.elapsed() < KEPT) {
            return Arc::clone(known);
        }
        misses.remove(&key);
        let miss = Arc::new(Miss { asked_at: Instant::now(), answer: OnceCell::new() });
        if misses.len() < MISSES_MAX {
            misses.insert(key, Arc::clone(&miss));
        }
        miss
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use futures::future::join;
    use hubbub_domain::{Fault, Rev, RoomId};

    use super::{Epoch, KEPT, Misses};

    #[tokio::test(start_paused = true)]
    async fn a_crowd_asks_once_and_a_failure_is_not_kept() {
        let (misses, asked) = (Misses::default(), Cell::new(0));
        let key = ((RoomId::generate(), Epoch::UNKNOWN), Rev(7));
        let ask = |outcome: Result<(), Fault>| {
            misses.share(key, async {
                asked.set(asked.get() + 1);
                // In virtual time: the other comes while this is under way.
                tokio::time::sleep(Duration::from_millis(1)).await;
                outcome.map(|()| vec![].into())
            })
        };
        let down = || Err(Fault::unavailable("down"));
        let (first, second) = join(ask(down()), ask(down())).await;
        assert!(first.is_err() && second.is_err());
        assert_eq!(asked.get(), 1);
        let (first, second) = join(ask(Ok(())), ask(Ok(()))).await;
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(asked.get(), 2);
        // In virtual time: what was kept is old now.
        tokio::time::sleep(KEPT).await;
        assert!(ask(Ok(())).await.is_ok());
        assert_eq!(asked.get(), 3);
    }
}
