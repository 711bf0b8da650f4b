//! What happens to live rooms when history begins another epoch: its store lost its newest changes, and
//! gives their revisions out again. Each room keeps what both epochs share; what was put in order beyond
//! that is forgotten, and sessions that were given it are reset.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use hubbub_domain::{Fault, Rev, RoomId, Seq};
use tokio::sync::RwLockReadGuard;

use super::{Epoch, Hub};
use crate::{
    backends::{Marker, another_epoch},
    metrics,
    session::{Scope, Session, SessionId},
};

/// Rooms that are asked about in one call.
const ROOMS_PER_CALL: usize = 1_000;

impl Hub {
    /// Makes sure that the rooms are in the epoch of an answer, and keeps them there while the guard is
    /// held. Fails when the answer is of another epoch than history is in.
    pub(super) async fn in_epoch(
        self: &Arc<Self>,
        epoch: &str,
    ) -> Result<RwLockReadGuard<'_, String>, Fault> {
        let known = self.epoch.read().await;
        if *known == epoch {
            return Ok(known);
        }
        drop(known);
        self.agree().await?;
        let known = self.epoch.read().await;
        if *known == epoch { Ok(known) } else { Err(another_epoch()) }
    }

    /// Finds out in the background which epoch history is in.
    pub(super) fn agree_soon(self: &Arc<Self>) {
        if self.agreeing.swap(true, Ordering::AcqRel) {
            return;
        }
        let hub = Arc::clone(self);
        self.tasks.spawn(async move {
            while let Err(fault) = hub.agree().await {
                tracing::debug!(%fault, "the history's epoch could not be asked; trying again");
                tokio::time::sleep(hub.config.catch_up_retry).await;
            }
            hub.agreeing.store(false, Ordering::Release);
        });
    }

    /// Brings all rooms into the epoch that history is in.
    async fn agree(self: &Arc<Self>) -> Result<(), Fault> {
        let mut known = self.epoch.write().await;
        let now = self.backends.heads(None, &[]).await?.epoch;
        if *known == now {
            return Ok(());
        }
        let epoch = Epoch::of(&now);
        if known.is_empty() {
            self.epoch_now.store(epoch.tag(), Ordering::Release);
            for room in self.ids(|_| true) {
                self.get(room).inspect(|room| room.note_epoch(epoch));
            }
            *known = now;
            return Ok(());
        }
        tracing::warn!("history began another epoch; sessions that know lost changes are reset");
        let forks = self.forks(&known, &now).await?;
        self.epoch_now.store(epoch.tag(), Ordering::Release);
        let mut sessions = BTreeMap::new();
        for room in self.ids(|room| room.order().epoch() != epoch) {
            let fork = forks.get(&room).copied().unwrap_or_default();
            self.fork(room, (epoch, fork), &mut sessions);
        }
        for session in sessions.values() {
            session.note_epoch(&now);
        }
        *known = now;
        Ok(())
    }

    /// How far each room is the same in both epochs, and how far it has come in the new one.
    async fn forks(&self, known: &str, now: &str) -> Result<BTreeMap<RoomId, Fork>, Fault> {
        let mut forks = BTreeMap::new();
        for rooms in self.ids(|_| true).chunks(ROOMS_PER_CALL) {
            let survived = self.backends.survived(known, rooms).await?;
            let markers: Vec<Marker> =
                rooms.iter().map(|room| Marker { room: *room, last_read: Seq::ZERO }).collect();
            let heads = self.backends.heads(None, &markers).await?;
            if heads.epoch != now || (survived.revs.is_some() && survived.epoch != now) {
                return Err(another_epoch());
            }
            let kept = |room| survived.revs.as_ref()?.get(room).copied();
            let head = |room| heads.rooms.get(room).map(|head| head.head.rev).unwrap_or_default();
            forks.extend(
                rooms.iter().map(|room| (*room, Fork { kept: kept(room), head: head(room) })),
            );
        }
        Ok(forks)
    }

    fn fork(
        self: &Arc<Self>,
        id: RoomId,
        (epoch, Fork { kept, head }): (Epoch, Fork),
        sessions: &mut BTreeMap<SessionId, Arc<Session>>,
    ) {
        let Some(room) = self.get(id) else { return };
        let lost = room.order().last().is_some_and(|last| kept.is_none_or(|kept| kept < last));
        room.fork(epoch, kept);
        metrics::room_forked();
        room.order().note_head(head);
        self.mend(&room);
        if lost {
            self.look_into_settings(id);
        }
        let all = room.followers().into_iter().filter(|session| session.scope() == Scope::All);
        sessions.extend(all.map(|session| (session.id(), session)));
    }

    /// History says less of a room than was put in order before it was asked: it lost its end without
    /// beginning an epoch, as a store does that cannot tell its servers apart.
    pub(super) fn rewind(self: &Arc<Self>, id: RoomId, head: Rev) {
        let Some(room) = self.get(id) else { return };
        tracing::warn!(room = %id, "history lost the room's newest changes");
        let epoch = room.order().epoch();
        room.fork(epoch, Some(head));
        metrics::room_forked();
        self.look_into_settings(id);
    }
}

/// Where a room goes on in a new epoch.
#[derive(Clone, Copy, Debug, Default)]
struct Fork {
    /// The last revision that both epochs have. `None`: nothing of the earlier one holds.
    kept: Option<Rev>,
    head: Rev,
}
