//! Fetching what the bus did not bring. One repair per room at a time; a short wait first, because
//! two publishers may have swapped neighbours and the missing one is often on its way.

use std::{sync::Arc, time::Duration};

use hubbub_domain::Fault;

use super::{Encoded, Epoch, Hub, room::Room};
use crate::{
    backends::{Changes, Marker, another_epoch},
    metrics,
};

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
        let Changes { changes, head, epoch } = self.backends.changes(room.id(), after).await?;
        let epoch = self.same_epoch(room, &epoch)?;
        if head.rev < after {
            self.rewind(room.id(), head.rev);
        } else if head.rev == after {
            // There is less than we were told.
            room.jump_to(head.rev);
        }
        let place = (room.id(), epoch);
        let changes = changes.into_iter().map(|change| Encoded::new(place, change).into());
        self.offer(room, changes.collect());
        Ok(())
    }

    /// The epoch of an answer about a room, if the room is in it.
    pub(super) fn same_epoch(self: &Arc<Self>, room: &Room, epoch: &str) -> Result<Epoch, Fault> {
        let epoch = Epoch::of(epoch);
        if room.order().epoch() == epoch {
            return Ok(epoch);
        }
        self.agree_soon();
        Err(another_epoch())
    }

    async fn skip_ahead(self: &Arc<Self>, room: &Room) -> Result<(), Fault> {
        let marker = Marker { room: room.id(), last_read: hubbub_domain::Seq::ZERO };
        let heads = self.backends.heads(None, &[marker]).await?;
        self.same_epoch(room, &heads.epoch)?;
        if let Some(head) = heads.rooms.get(&room.id()) {
            room.jump_to(head.head.rev);
            self.look_into_settings(room.id());
        }
        Ok(())
    }
}
