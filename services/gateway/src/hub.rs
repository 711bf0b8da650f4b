//! The rooms this gateway follows, and the sessions in each: where at-most-once delivery from the
//! bus becomes an exact, ordered view for every client.
//!
//! - A room is *subscribed, then settled*: only after the bus confirmed the subscription is the head
//!   read, and only from that head on are changes delivered. So no change can fall in between.
//! - Each room's [`Stream`] delivers revision after revision; what is missing is fetched from
//!   history (`repair`).
//! - Each follower has a cursor, the last revision it was given. A follower that is not exactly one
//!   behind is never sent a change out of turn: it is caught up (`catch_up`).
//! - A room is in one epoch. When history begins another one, each room is told where it forked, and
//!   only sessions that were given more are reset (`forking`).
//! - After the bus was interrupted, and once in a while anyway, heads are compared (`resync`).
//!
//! - What is in order is given to the followers by a few tasks (`writers`), straight to the sockets.
//!
//! A lock is held for the time of handing shared frames to a few followers, never over an await.

mod catch_up;
mod encoded;
mod epoch;
mod feed;
mod follower;
mod forking;
mod misses;
mod order;
mod repair;
mod resync;
mod ring;
mod room;
mod run;
mod stream;
mod writers;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use dashmap::DashMap;
use hubbub_client_protocol::Event;
use hubbub_domain::{Clock, Fault, Rev, RoomId, Seq, UserId};
use hubbub_runtime::jitter::Jitter;
use tokio::sync::{RwLock, Semaphore, mpsc};
use tokio_util::task::TaskTracker;

pub(crate) use encoded::Encoded;
use encoded::Live;
pub(crate) use epoch::Epoch;
pub(crate) use feed::{Listeners, run as run_feed};
use misses::Misses;
use room::{Attached, Room};
use writers::Writers;

#[cfg(test)]
use crate::simulation::planted::{self, Bug};
use crate::{
    backends::{Backends, Heads},
    config::HubConfig,
    session::Session,
    topics::Topics,
};

/// Repairs and resyncs at work at once, so that a restart of Redis does not flood history.
const FETCHES_MAX: usize = 64;

/// Somebody left a room, says the room's own order; to be confirmed by the room service.
#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) user: UserId,
    pub(crate) room: RoomId,
    /// How far the room had come when it was asked whether they are back.
    pub(crate) rev: Rev,
}

/// What a room's order says that the users' table has to look into.
#[derive(Debug)]
pub(crate) enum Aside {
    Departed(Departure),
    /// The room's name, state or slow mode may be another.
    Resettled(RoomId),
}

/// Where a session's view of a room begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// The client knows all up to this revision of an epoch.
    After(Rev, Epoch),
    /// What the client knows means nothing: a `reset` with the newest page comes first.
    Anew,
}

/// Time and chance, which simulated worlds replace.
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) jitter: Jitter,
}

/// The rooms of this gateway.
pub(crate) struct Hub {
    config: HubConfig,
    rooms: DashMap<RoomId, Arc<Room>>,
    backends: Backends,
    topics: Arc<Topics>,
    clock: Arc<dyn Clock>,
    jitter: Jitter,
    /// Tells the users' table what it has to look into.
    asides: mpsc::Sender<Aside>,
    misses: Misses,
    fetches: Arc<Semaphore>,
    writers: Writers,
    tasks: TaskTracker,
    /// The epoch that all live rooms are in. Held for writing while they move to another one.
    epoch: RwLock<String>,
    /// The same in short, for rooms that are new.
    epoch_now: AtomicU64,
    /// Somebody finds out which epoch history is in.
    agreeing: AtomicBool,
}

impl Hub {
    pub(crate) fn new(
        config: HubConfig,
        backends: Backends,
        topics: Arc<Topics>,
        asides: mpsc::Sender<Aside>,
        Surroundings { clock, jitter }: Surroundings,
    ) -> Arc<Self> {
        Arc::new(Self {
            config,
            rooms: DashMap::new(),
            backends,
            topics,
            clock,
            jitter,
            asides,
            misses: Misses::default(),
            fetches: Arc::new(Semaphore::new(FETCHES_MAX)),
            writers: Writers::new(),
            tasks: TaskTracker::new(),
            epoch: RwLock::default(),
            epoch_now: AtomicU64::new(Epoch::UNKNOWN.tag()),
            agreeing: AtomicBool::new(false),
        })
    }

    /// Gives a session the events of a room from `start` on. The room must have been
    /// [prepared](Self::prepare), or the session waits until it is.
    pub(crate) fn follow(self: &Arc<Self>, session: &Arc<Session>, room: RoomId, start: Start) {
        loop {
            let entry = self.room(room);
            match entry.attach(session, start) {
                Attached::Here => self.mend(&entry),
                Attached::Ended => return,
                // Between the look-up and the lock: the next look-up makes a new one.
                Attached::Retired => continue,
            }
            self.give_up(session, room);
            return;
        }
    }

    /// Gives up the least active rooms beyond those that a session follows, but neither the one that it
    /// just began to follow nor those that its client asked for lately; says which.
    fn give_up(&self, session: &Session, newest: RoomId) {
        while let Some(rooms) = session.rooms_over(self.config.rooms_per_session_max) {
            let active_at = |room: &RoomId| self.get(*room).map(|entry| entry.active_at());
            let others = rooms.into_iter().filter(|room| *room != newest);
            let Some(room) = others.min_by_key(active_at) else { return };
            self.unfollow(session, room);
            session.tell(&Event::Unfollowed { room });
        }
    }

    /// Stops a room's events for a session.
    pub(crate) fn unfollow(&self, session: &Session, room: RoomId) {
        match self.get(room) {
            Some(entry) => entry.detach(session),
            None => session.forget_room(room),
        }
    }

    /// Stops a room's events for all of a user's sessions.
    pub(crate) fn unfollow_user(&self, user: &UserId, room: RoomId) {
        if let Some(entry) = self.get(room) {
            entry.detach_user(user);
        }
    }

    /// The sessions that follow a room.
    pub(crate) fn followers(&self, room: RoomId) -> Vec<Arc<Session>> {
        self.get(room).map(|entry| entry.followers()).unwrap_or_default()
    }

    /// The sessions that follow a room, without those whose user may have left it.
    pub(crate) fn audience(&self, room: RoomId) -> Vec<Arc<Session>> {
        self.get(room).map(|entry| entry.audience()).unwrap_or_default()
    }

    /// The newest message of a room that was delivered here lately: there may be newer ones.
    pub(crate) fn newest_seq(&self, room: RoomId) -> Option<Seq> {
        self.get(room)?.order().ring.newest_seq()
    }

    /// The end of a session.
    pub(crate) fn leave(&self, session: &Session) {
        for room in session.take_rooms() {
            if let Some(entry) = self.get(room) {
                entry.detach(session);
            }
        }
    }

    /// A user who had left by `rev` is a member again: their sessions continue.
    pub(crate) fn reinstate(&self, user: &UserId, room: RoomId, rev: Rev) {
        if let Some(entry) = self.get(room) {
            entry.reinstate(user, rev);
        }
    }

    /// Takes heads that were read *after* the rooms were prepared: rooms not yet live go live at
    /// them, others learn how far history has come. Fails when history is in another epoch by now.
    pub(crate) async fn settle(self: &Arc<Self>, heads: &Heads) -> Result<(), Fault> {
        let _in_one_epoch = self.in_epoch(&heads.epoch).await?;
        for (room, head) in &heads.rooms {
            if let Some(entry) = self.get(*room) {
                entry.note_active(head.last_said_at);
                let early = entry.settle(head.head.rev);
                self.offer(&entry, early);
            }
        }
        Ok(())
    }

    /// Takes heads that were read at any time: live rooms learn how far history has come.
    async fn note_heads(self: &Arc<Self>, heads: &Heads) -> Result<(), Fault> {
        let _in_one_epoch = self.in_epoch(&heads.epoch).await?;
        for (room, head) in &heads.rooms {
            if let Some(entry) = self.get(*room) {
                entry.note_active(head.last_said_at);
                entry.order().note_head(head.head.rev);
                self.mend(&entry);
            }
        }
        Ok(())
    }

    /// Puts changes from the bus or from history where they belong in their room's order.
    fn offer(self: &Arc<Self>, room: &Arc<Room>, changes: Vec<Live>) {
        let resettled = changes.iter().any(|live| run::resettling(&live.change));
        let offered = room.order().offer(changes);
        self.writers.name(room, &offered.writers);
        if offered.elsewhere {
            self.agree_soon();
        }
        if resettled {
            self.look_into_settings(room.id());
        }
        self.mend(room);
    }

    /// Has it asked how a room is set now. A bus that tells is faster, and may have told nothing.
    fn look_into_settings(&self, room: RoomId) {
        if self.asides.try_send(Aside::Resettled(room)).is_err() {
            tracing::debug!(%room, "how the room is set is learnt with its next change");
        }
    }

    /// Starts a repair when something that exists was not delivered.
    fn mend(self: &Arc<Self>, room: &Arc<Room>) {
        #[cfg(test)]
        if planted::has(Bug::GapForgotten) {
            return;
        }
        if room.order().begin_repair() {
            self.tasks.spawn(Arc::clone(self).repair(Arc::clone(room)));
        }
    }

    fn get(&self, room: RoomId) -> Option<Arc<Room>> {
        self.rooms.get(&room).map(|entry| Arc::clone(&entry))
    }

    /// The rooms of a kind, in order of their ids: the table itself has none that lasts.
    fn ids(&self, kind: impl Fn(&Room) -> bool) -> Vec<RoomId> {
        let of_kind = self.rooms.iter().filter(|entry| kind(entry.value()));
        let mut ids: Vec<RoomId> = of_kind.map(|entry| *entry.key()).collect();
        ids.sort_unstable();
        ids
    }

    fn room(&self, room: RoomId) -> Arc<Room> {
        let new = || {
            let epoch = Epoch::of_tag(self.epoch_now.load(Ordering::Acquire));
            Arc::new(Room::new(room, self.writers.count(), epoch))
        };
        Arc::clone(&self.rooms.entry(room).or_insert_with(new))
    }
}

#[cfg(test)]
impl Hub {
    /// Rooms and tasks; none of either when nobody has followed anything for a while.
    pub(crate) fn held(&self) -> (usize, usize) {
        (self.rooms.len(), self.tasks.len())
    }
}
