//! One followed room: its stream, its recent changes, and who follows it.

use std::sync::Arc;

use hubbub_client_protocol::CloseCode;
use hubbub_domain::{ChangeKind, Rev, RoomId, Timestamp, UserId};
use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;
use tokio::time::Instant;

use super::{
    Start,
    encoded::Live,
    follower::{Follower, Next, departing},
    ring::Ring,
    stream::Stream,
};
#[cfg(test)]
use crate::simulation::planted::{self, Bug};
use crate::{
    metrics::{self, Cause},
    session::{Session, SessionId},
    steady::SteadyMap,
};

/// Changes that arrive between the subscription and the head. At the bound they are dropped: the
/// head, or the next change, tells that something is missing.
const EARLY_MAX: usize = 256;

pub(crate) struct Room {
    id: RoomId,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) ring: Ring,
    pub(super) followers: SteadyMap<SessionId, Follower>,
    repairing: bool,
    /// Since when nobody follows.
    idle_since: Option<Instant>,
    /// Removed from the hub: attach to the next one.
    retired: bool,
}

/// A room's way to being live.
#[derive(Debug)]
pub(super) enum Phase {
    /// Not known to be subscribed, or its head was not read since; what arrives early is kept.
    Opening {
        early: Vec<Live>,
    },
    Live(Stream<Live>),
}

impl Room {
    pub(super) fn new(id: RoomId) -> Self {
        let state = State {
            phase: Phase::Opening { early: Vec::new() },
            ring: Ring::default(),
            followers: SteadyMap::default(),
            repairing: false,
            idle_since: Some(Instant::now()),
            retired: false,
        };
        Self { id, state: Mutex::new(state) }
    }

    pub(super) const fn id(&self) -> RoomId {
        self.id
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// False when the room was retired meanwhile.
    pub(super) fn attach(&self, session: &Arc<Session>, start: Start) -> bool {
        let mut state = self.lock();
        if state.retired {
            return false;
        }
        state.idle_since = None;
        let cursor = match start {
            Start::After(rev) => rev,
            Start::Anew => Rev::ZERO,
        };
        let mut follower = Follower {
            session: Arc::clone(session),
            cursor,
            anew: start == Start::Anew,
            behind: false,
            suspended: None,
            cleared: Rev::ZERO,
        };
        if let Phase::Live(stream) = &mut state.phase {
            // The follower's head may be newer than what the bus has brought so far.
            stream.note_head(cursor);
            if follower.anew || cursor < stream.last() {
                follower.fall_behind(self.id, Cause::Entered);
            }
        }
        state.followers.entry(session.id()).or_insert(follower);
        true
    }

    pub(super) fn detach(&self, session: SessionId) {
        let mut state = self.lock();
        state.followers.remove(&session);
        state.note_idle();
    }

    pub(super) fn detach_user(&self, user: &UserId) {
        #[cfg(test)]
        if planted::has(Bug::LeaveIgnored) {
            return;
        }
        let mut state = self.lock();
        state.followers.retain(|_, follower| {
            let gone = follower.session.user() == user;
            if gone {
                follower.session.forget_room(self.id);
            }
            !gone
        });
        state.note_idle();
    }

    /// The user is a member after all that the room's order said up to `rev`: their sessions continue
    /// where they were stopped, unless it has told of another departure since.
    pub(super) fn reinstate(&self, user: &UserId, rev: Rev) {
        let mut state = self.lock();
        for follower in state.followers.values_mut() {
            let answered = follower.suspended.is_some_and(|asked_at| asked_at <= rev);
            if answered && follower.session.user() == user {
                follower.suspended = None;
                follower.cleared = rev;
                follower.fall_behind(self.id, Cause::Entered);
            }
        }
    }

    /// Goes live at `head` (which was read after the subscription), or learns of it. Returns what
    /// arrived before, to be offered now.
    pub(super) fn settle(&self, head: Rev) -> Vec<Live> {
        let mut state = self.lock();
        match &mut state.phase {
            Phase::Live(stream) => {
                stream.note_head(head);
                #[cfg(test)]
                if planted::has(Bug::RepeatedAfterResync) {
                    for follower in state.followers.values_mut() {
                        follower.cursor = Rev(follower.cursor.0.saturating_sub(1));
                        follower.fall_behind(self.id, Cause::Entered);
                    }
                }
                Vec::new()
            }
            Phase::Opening { early } => {
                let early = std::mem::take(early);
                state.phase = Phase::Live(Stream::after(head));
                for follower in state.followers.values_mut() {
                    if follower.anew || follower.cursor < head {
                        follower.fall_behind(self.id, Cause::Entered);
                    }
                }
                early
            }
        }
    }

    /// Learns how far history has come, if the room is live.
    pub(super) fn note_head(&self, head: Rev) {
        if let Phase::Live(stream) = &mut self.lock().phase {
            stream.note_head(head);
        }
    }

    /// Takes changes from the bus or from history, and gives what became deliverable.
    pub(super) fn offer(&self, changes: Vec<Live>) -> Delivered {
        let mut state = self.lock();
        match &mut state.phase {
            Phase::Live(_) => state.offer(self.id, changes),
            Phase::Opening { early } => {
                let room = EARLY_MAX.saturating_sub(early.len());
                early.extend(changes.into_iter().take(room));
                Delivered::default()
            }
        }
    }

    /// Puts off retirement, since somebody is about to follow. True when the room is live.
    pub(super) fn keep(&self) -> bool {
        let mut state = self.lock();
        if state.followers.is_empty() {
            state.idle_since = Some(Instant::now());
        }
        matches!(state.phase, Phase::Live(_))
    }

    /// Somebody follows, and the room is not live.
    pub(super) fn is_awaited(&self) -> bool {
        let state = self.lock();
        !state.followers.is_empty() && matches!(state.phase, Phase::Opening { .. })
    }

    /// True for the one caller who has to repair.
    pub(super) fn begin_repair(&self) -> bool {
        let mut state = self.lock();
        let needed = matches!(&state.phase, Phase::Live(stream) if stream.has_gap());
        needed && !std::mem::replace(&mut state.repairing, true)
    }

    /// What is still missing after this revision, and how much. `None` ends the repair.
    pub(super) fn missing(&self) -> Option<(Rev, u64)> {
        let mut state = self.lock();
        if let Phase::Live(stream) = &state.phase
            && stream.has_gap()
            && !state.retired
        {
            return Some((stream.last(), stream.behind_by()));
        }
        state.repairing = false;
        None
    }

    /// Too much is missing to deliver it one by one: continue at `head`, everybody is caught up.
    pub(super) fn jump_to(&self, head: Rev) {
        let mut state = self.lock();
        if let Phase::Live(stream) = &mut state.phase {
            stream.jump_to(head);
        }
        state.ring.clear();
        for follower in state.followers.values_mut() {
            if follower.cursor < head && !follower.behind {
                follower.fall_behind(self.id, Cause::Skipped);
            }
        }
    }

    /// The revisions known so far mean nothing any more. Those who follow have to connect again.
    pub(super) fn forget_history(&self) {
        let mut state = self.lock();
        state.phase = Phase::Opening { early: Vec::new() };
        state.ring.clear();
        for follower in state.followers.values() {
            follower.session.outbox().close(CloseCode::Moved);
        }
    }

    /// Retires the room when nobody has followed it since `before`.
    pub(super) fn retire_if_idle(&self, before: Instant) -> bool {
        let mut state = self.lock();
        let idle = state.idle_since.is_some_and(|since| since <= before);
        state.retired |= idle;
        idle
    }

    pub(super) fn audience(&self) -> Vec<Arc<Session>> {
        let state = self.lock();
        let present = state.followers.values().filter(|follower| follower.suspended.is_none());
        present.map(|follower| Arc::clone(&follower.session)).collect()
    }

    pub(super) fn followers(&self) -> Vec<Arc<Session>> {
        self.lock().followers.values().map(|follower| Arc::clone(&follower.session)).collect()
    }
}

impl State {
    /// Orders changes and delivers what became deliverable.
    fn offer(&mut self, room: RoomId, changes: Vec<Live>) -> Delivered {
        let mut delivered = Delivered::default();
        let Phase::Live(stream) = &mut self.phase else { return delivered };
        let mut ready = Vec::with_capacity(changes.len());
        for live in changes {
            stream.offer(live.change.rev(), live, |_, live| ready.push(live));
        }
        // Whoever left is given nothing from the change on that says so.
        for run in ready.chunk_by(|_, next| departing(&next.change).is_none()) {
            if let Some(first) = run.first().map(|live| &live.change)
                && let Some(user) = departing(first)
                && self.suspend(user, first.rev())
            {
                delivered.departed.push((user.clone(), first.rev()));
            }
            self.deliver(room, run, &mut delivered.to_flush);
        }
        if !self.followers.is_empty() {
            delivered.posted_at = ready.iter().filter_map(posted_at).collect();
        }
        for live in ready {
            self.ring.push(live.change);
        }
        delivered
    }

    /// Gives each follower what of these changes, which are contiguous, it was not given yet.
    fn deliver(&mut self, room: RoomId, changes: &[Live], to_flush: &mut Vec<Arc<Session>>) {
        let Some(first) = changes.first().map(|live| live.change.rev()) else { return };
        let mut given = 0;
        for follower in self.followers.values_mut() {
            #[cfg(test)]
            if planted::has(Bug::CatchUpOvertaken) && follower.behind {
                follower.give(room, changes.iter().map(Next::from));
                continue;
            }
            if follower.behind || follower.suspended.is_some() {
                continue;
            }
            let missed = follower.cursor.next() < first;
            let known = (follower.cursor.0 + 1).saturating_sub(first.0);
            let new = changes.get(usize::try_from(known).unwrap_or(usize::MAX)..).unwrap_or(&[]);
            if missed {
                follower.fall_behind(room, Cause::Skipped);
                continue;
            }
            let offered = follower.give(room, new.iter().map(Next::from));
            if offered.taken < new.len() {
                follower.fall_behind(room, Cause::Slow);
            }
            if offered.to_flush {
                to_flush.push(Arc::clone(&follower.session));
            }
            given += offered.taken;
        }
        metrics::delivered(given);
    }

    /// Stops a user's sessions where they are. True when there are any.
    fn suspend(&mut self, user: &UserId, rev: Rev) -> bool {
        #[cfg(test)]
        if planted::has(Bug::LeaveIgnored) {
            return false;
        }
        let mut found = false;
        for follower in self.followers.values_mut() {
            if follower.session.user() == user {
                follower.suspended = Some(rev);
                found = true;
            }
        }
        found
    }

    fn note_idle(&mut self) {
        if self.followers.is_empty() && self.idle_since.is_none() {
            self.idle_since = Some(Instant::now());
        }
    }
}

/// When a message got its place; `None` for changes to one that had it already.
fn posted_at(live: &Live) -> Option<Timestamp> {
    match &live.change.change().kind {
        ChangeKind::Posted(message) => Some(message.created_at),
        _ => None,
    }
}

/// What came of a delivery, to be seen to without the room's lock.
#[derive(Default)]
pub(super) struct Delivered {
    /// When the messages that somebody here follows got their places.
    pub(super) posted_at: SmallVec<[Timestamp; 1]>,
    /// Users whose departure it told of and who follow the room here, and where it stands.
    pub(super) departed: SmallVec<[(UserId, Rev); 1]>,
    /// Sessions whose outboxes are to be written.
    pub(super) to_flush: Vec<Arc<Session>>,
}
