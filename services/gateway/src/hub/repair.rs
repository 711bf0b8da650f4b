//! Fetching what the bus did not bring. One repair per room at a time; a short wait first, because
//! two publishers may have swapped neighbours and the missing one is often on its way.

use std::{sync::Arc, time::Duration};

use hubbub_domain::Fault;

use super::{Encoded, Hub, room::Room};
use crate::{backends::Marker, metrics};

/// Not in the loop's condition, where the lock would be held over all that follows.
fn missing(room: &Room) -> Option<(hubbub_domain::Rev, u64)> {
    room.order().missing()
}

/// The longest pause between two attempts at a repair.
const BACKOFF_MAX: Duration = Duration::from_secs(2);

impl Hub {
    /// Runs until nothing is missing, or nobody cares any more.
    pub(super) async fn repair(self: Arc<Self>, room: Arc<Room>) {
        tokio::time::sleep(self.config.gap_hold).await;
        let mut backoff = self.config.gap_hold;
        while let Some((after, missing)) = missing(&room) {
            let fetched = {
                let _one_of_few = self.fetches.acquire().await.expect("it is never closed");
                if missing > self.config.catch_up_max {
                    self.skip_ahead(&room).await
                } else {
                    metrics::repaired(missing);
                    self.fetch_after(&room, after).await
                }
            };
            if let Err(fault) = fetched {
                tracing::debug!(room = %room.id(), %fault, "a repair has to wait");
                let jittered = self.jitter.scale(backoff, 0.5..1.0);
                tokio::time::sleep(jittered).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
    }

    async fn fetch_after(
        self: &Arc<Self>,
        room: &Arc<Room>,
        after: hubbub_domain::Rev,
    ) -> Result<(), Fault> {
        let changes = self.backends.changes(room.id(), after).await?;
        if changes.head.rev <= after {
            // History knows less than we were told: the store went back in time.
            room.jump_to(changes.head.rev);
            self.look_into_settings(room.id());
        }
        let changes = changes.changes.into_iter();
        self.offer(room, changes.map(|change| Encoded::new(room.id(), change).into()).collect());
        Ok(())
    }

    async fn skip_ahead(&self, room: &Room) -> Result<(), Fault> {
        let marker = Marker { room: room.id(), last_read: hubbub_domain::Seq::ZERO };
        let heads = self.backends.heads(None, &[marker]).await?;
        if let Some(head) = heads.rooms.get(&room.id()) {
            room.jump_to(head.head.rev);
            self.look_into_settings(room.id());
        }
        Ok(())
    }
}
