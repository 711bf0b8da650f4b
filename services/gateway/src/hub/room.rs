//! One followed room: its order, and who follows it.
//!
//! A change is put in order once, under the order's lock. From there each writer takes what is new
//! for its own part of the followers and gives it to them, each from their own cursor on. So writers
//! do not wait for each other, and whoever is not exactly where the news begin is caught up.
//!
//! Locks: a part of the followers first, then the order or a session's list of rooms; never two
//! parts at once. A session is in a part exactly while the room is in its list.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use hubbub_domain::{Rev, RoomId, Timestamp, UserId};
use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;

use super::{
    Epoch, Start,
    encoded::Live,
    follower::{Follower, Given},
    order::{News, Order, Phase},
    stream::Stream,
};
#[cfg(test)]
use crate::simulation::planted::{self, Bug};
use crate::{
    metrics::Cause,
    session::{Session, SessionId},
};

/// Followers that are given something before others have their turn.
const TURN: usize = 64;
/// Followers whose memory is fetched together, before the first of them is given something: the
/// processor waits for all of it once, instead of once for each.
const NEAR: usize = 16;

pub(crate) struct Room {
    id: RoomId,
    order: Mutex<Order>,
    /// The order's epoch. Set before any follower learns of it, so that a writer which holds news of the
    /// epoch before finds out under the lock of its followers.
    epoch: AtomicU64,
    /// When the newest of what people said was stored, as far as history told; in microseconds.
    active_at_us: AtomicI64,
    /// A part for each writer.
    parts: Box<[Mutex<Part>]>,
}

/// Sorted, so that a writer can go on where it was.
pub(super) type Part = BTreeMap<SessionId, Follower>;

/// What came of a wish to follow.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attached {
    Here,
    /// The session has ended meanwhile.
    Ended,
    /// The room was retired meanwhile.
    Retired,
}

/// What came of a writer's turn.
#[derive(Default)]
pub(super) struct Turn {
    /// Changes that were given.
    pub(super) given: usize,
    /// Where to go on; none at the end.
    pub(super) next: Option<SessionId>,
    /// Users whose departure was told, and how far the room had come.
    pub(super) departed: SmallVec<[(UserId, Rev); 1]>,
}

impl Room {
    pub(super) fn new(id: RoomId, writers: usize, epoch: Epoch) -> Self {
        let parts = (0..writers).map(|_| Mutex::default()).collect();
        let order = Mutex::new(Order::new(writers, epoch));
        let (epoch, active_at_us) = (AtomicU64::new(epoch.tag()), AtomicI64::new(0));
        Self { id, order, epoch, active_at_us, parts }
    }

    pub(super) const fn id(&self) -> RoomId {
        self.id
    }

    pub(super) fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock()
    }

    pub(super) fn note_active(&self, last_said_at: Option<Timestamp>) {
        let last_said_at = last_said_at.map_or(0, Timestamp::as_micros);
        self.active_at_us.fetch_max(last_said_at, Ordering::Relaxed);
    }

    /// When somebody spoke last; the beginning of time while nobody did.
    pub(super) fn active_at(&self) -> Timestamp {
        let told = Timestamp::from_micros(self.active_at_us.load(Ordering::Relaxed));
        self.order().ring.newest_said_at().map_or(told, |at| at.max(told))
    }

    /// The followers among whom this session is.
    pub(super) fn part_of(&self, session: &Session) -> MutexGuard<'_, Part> {
        self.parts[self.writer_of(session)].lock()
    }

    fn writer_of(&self, session: &Session) -> usize {
        let writers = self.parts.len() as u64;
        usize::try_from(session.id().number() % writers).expect("below a usize")
    }

    pub(super) fn attach(&self, session: &Arc<Session>, start: Start) -> Attached {
        let mut part = self.part_of(session);
        if !session.note_room(self.id) {
            return Attached::Ended;
        }
        let mut order = self.order();
        if !order.note_busy() {
            session.forget_room(self.id);
            return Attached::Retired;
        }
        let mut follower = Follower::new(session, start);
        // Its revision is of another history than the room's.
        follower.anew |= matches!(start, Start::After(_, epoch) if !epoch.fits(order.epoch()));
        if let Phase::Live(stream) = &mut order.phase {
            // The follower's head may be newer than what the bus has brought so far.
            stream.note_head(follower.cursor);
            if follower.anew || follower.cursor < stream.last() {
                follower.fall_behind(self.id, Cause::Entered);
            }
        }
        part.entry(session.id()).or_insert_with(|| {
            order.note_follower(self.writer_of(session));
            follower
        });
        Attached::Here
    }

    pub(super) fn detach(&self, session: &Session) {
        let mut part = self.part_of(session);
        session.forget_room(self.id);
        if part.remove(&session.id()).is_some() {
            self.order().note_gone(self.writer_of(session), 1);
        }
    }

    pub(super) fn detach_user(&self, user: &UserId) {
        #[cfg(test)]
        if planted::has(Bug::LeaveIgnored) {
            return;
        }
        for (writer, part) in self.parts.iter().enumerate() {
            let mut part = part.lock();
            let before = part.len();
            part.retain(|_, follower| {
                let gone = follower.session.user() == user;
                if gone {
                    follower.session.forget_room(self.id);
                }
                !gone
            });
            if part.len() < before {
                self.order().note_gone(writer, before - part.len());
            }
        }
    }

    /// The user is a member after all that the room's order said up to `rev`: their sessions continue
    /// where they were stopped, unless it has told of another departure since.
    pub(super) fn reinstate(&self, user: &UserId, rev: Rev) {
        self.for_each(|follower| {
            let answered = follower.suspended.is_some_and(|asked_at| asked_at <= rev);
            if answered && follower.session.user() == user {
                follower.suspended = None;
                follower.cleared = rev;
                follower.fall_behind(self.id, Cause::Entered);
            }
        });
    }

    /// Goes live at `head` (which was read after the subscription), or learns of it. Returns what
    /// arrived before, to be offered now.
    pub(super) fn settle(&self, head: Rev) -> Vec<Live> {
        let mut order = self.order();
        let early = match &mut order.phase {
            Phase::Live(stream) => {
                stream.note_head(head);
                drop(order);
                #[cfg(test)]
                if planted::has(Bug::RepeatedAfterResync) {
                    self.for_each(|follower| {
                        follower.cursor = Rev(follower.cursor.0.saturating_sub(1));
                        follower.fall_behind(self.id, Cause::Entered);
                    });
                }
                return Vec::new();
            }
            Phase::Opening { early } => std::mem::take(early),
        };
        order.phase = Phase::Live(Stream::after(head));
        drop(order);
        self.leave_behind(head, Cause::Entered);
        early
    }

    /// Whoever was not given all before `head` is caught up.
    fn leave_behind(&self, head: Rev, cause: Cause) {
        self.for_each(|follower| {
            if follower.anew || follower.cursor < head {
                follower.fall_behind(self.id, cause);
            }
        });
    }

    fn for_each(&self, mut act: impl FnMut(&mut Follower)) {
        for part in &self.parts {
            part.lock().values_mut().for_each(&mut act);
        }
    }

    /// Puts off retirement, since somebody is about to follow. True when the room is live.
    pub(super) fn keep(&self) -> bool {
        let mut order = self.order();
        order.keep() && order.last().is_some()
    }

    /// Somebody follows, and the room is not live.
    pub(super) fn is_awaited(&self) -> bool {
        let order = self.order();
        order.is_followed() && order.last().is_none()
    }

    /// Too much is missing to deliver it one by one: continue at `head`, everybody is caught up.
    pub(super) fn jump_to(&self, head: Rev) {
        self.order().jump_to(head);
        self.leave_behind(head, Cause::Skipped);
    }

    /// The room goes on in an epoch that shares its revisions up to `kept`; without it none. Sessions that
    /// were given more get a reset, the others continue.
    pub(super) fn fork(&self, epoch: Epoch, kept: Option<Rev>) {
        {
            let mut order = self.order();
            order.fork(epoch, kept);
            self.epoch.store(epoch.tag(), Ordering::Release);
        }
        self.for_each(|follower| follower.fork(self.id, kept));
    }

    /// The room has had no revisions yet, and these will be of this epoch.
    pub(super) fn note_epoch(&self, epoch: Epoch) {
        self.order().fork(epoch, Some(Rev::ZERO));
        self.epoch.store(epoch.tag(), Ordering::Release);
    }

    pub(super) fn audience(&self) -> Vec<Arc<Session>> {
        let mut audience = Vec::new();
        self.for_each(|follower| {
            if follower.suspended.is_none() {
                audience.push(Arc::clone(&follower.session));
            }
        });
        audience
    }

    pub(super) fn followers(&self) -> Vec<Arc<Session>> {
        let mut followers = Vec::new();
        self.for_each(|follower| followers.push(Arc::clone(&follower.session)));
        followers
    }

    /// Gives news to the next of a writer's followers.
    pub(super) fn give(&self, writer: usize, news: &News, after: Option<SessionId>) -> Turn {
        let mut turn = Turn::default();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut part = self.parts[writer].lock();
        if self.epoch.load(Ordering::Acquire) != news.epoch.tag() {
            return turn;
        }
        let followers = part.range_mut((from, Bound::Unbounded)).take(TURN);
        let mut followers: SmallVec<[_; TURN]> = followers.collect();
        if let [.., (last, _)] = followers[..]
            && followers.len() == TURN
        {
            turn.next = Some(*last);
        }
        for near in followers.chunks_mut(NEAR) {
            for (_, follower) in &*near {
                follower.approach();
            }
            for (_, follower) in near {
                turn.given += self.give_one(follower, news, &mut turn);
            }
        }
        turn
    }

    fn give_one(
        &self,
        follower: &mut Follower,
        News { run, last, .. }: &News,
        turn: &mut Turn,
    ) -> usize {
        #[cfg(test)]
        if planted::has(Bug::CatchUpOvertaken)
            && follower.behind
            && let Some(run) = run
        {
            follower.cursor = Rev(run.first().0 - 1);
            let _given = follower.give(run, *last);
            return 0;
        }
        if follower.behind || follower.suspended.is_some() {
            return 0;
        }
        let missed = run
            .as_ref()
            .map_or(follower.cursor < *last, |run| follower.cursor.next() < run.first());
        if missed || follower.anew {
            follower.fall_behind(self.id, Cause::Skipped);
            return 0;
        }
        let Some(run) = run else { return 0 };
        match follower.give(run, run.last()) {
            Given::All(given) => given,
            Given::Full(given) => {
                follower.fall_behind(self.id, Cause::Slow);
                given
            }
            Given::Suspended(given) => {
                turn.departed.push((follower.session.user().clone(), run.last()));
                given
            }
        }
    }
}
