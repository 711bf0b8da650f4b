//! Bringing one session back to the present of a room: from the room's ring if that reaches back far
//! enough, else from history, past a bound with a `reset` and the newest page. While it lasts, the
//! room's live events pass this session by; at the end it continues exactly after its cursor.

use std::sync::Arc;

use hubbub_client_protocol::Event;
use hubbub_domain::{Fault, Rev, RoomId, limits};

use super::{
    Encoded, Hub,
    room::{Phase, Room, State},
};
use crate::{
    backends::{Anchor, PageRequest},
    metrics,
    session::Session,
};

/// Where a follower stands in catching up.
enum Step {
    /// It is live again, or follows no longer.
    Done,
    /// Its outbox is full: go on when it has drained.
    Full,
    /// The room is not live yet, or it is being asked whether the user is still a member: whoever
    /// knows will say so.
    Waiting,
    /// The changes after this revision have to be fetched.
    Fetch(Rev),
    /// So much is missing that the newest page serves the client better.
    Reset,
}

impl Hub {
    /// Catches a session up in every room where it is behind, until its outbox is full again. One
    /// at a time per session; the session's task calls it whenever the outbox has drained.
    pub(crate) fn catch_up(self: &Arc<Self>, session: &Arc<Session>) {
        if session.is_behind() && session.begin_catch_up() {
            let (hub, session) = (Arc::clone(self), Arc::clone(session));
            self.tasks.spawn(async move {
                hub.catch_up_rooms(&session).await;
                session.end_catch_up();
            });
        }
    }

    async fn catch_up_rooms(&self, session: &Arc<Session>) {
        while session.outbox().has_drained()
            && let Some(id) = session.next_behind()
        {
            let Some(room) = self.get(id) else { continue };
            match self.catch_up_room(session, &room).await {
                Ok(Step::Full) => return session.note_behind(id),
                Ok(_) => {}
                Err(fault) => {
                    tracing::debug!(room = %id, %fault, "catching up has to wait");
                    tokio::time::sleep(self.config.catch_up_retry).await;
                    session.note_behind(id);
                }
            }
        }
    }

    async fn catch_up_room(&self, session: &Session, room: &Room) -> Result<Step, Fault> {
        loop {
            let step = self.step(session, room);
            match step {
                Step::Done | Step::Full | Step::Waiting => return Ok(step),
                Step::Fetch(after) => {
                    let changes = self.missed(room.id(), after).await?;
                    if give_all(session, room, &changes) {
                        return Ok(Step::Full);
                    }
                    if changes.is_empty() {
                        // What the cursor stands on is not history's: start anew.
                        self.reset(session, room).await?;
                    }
                }
                Step::Reset => self.reset(session, room).await?,
            }
        }
    }

    /// What can be done under the room's lock, and what is needed next.
    fn step(&self, session: &Session, room: &Room) -> Step {
        let mut state = room.lock();
        let State { phase, ring, followers, .. } = &mut *state;
        let Some(follower) = followers.get_mut(&session.id()) else { return Step::Done };
        let Phase::Live(stream) = phase else { return Step::Waiting };
        let last = stream.last();
        if follower.anew {
            return Step::Reset;
        }
        if follower.suspended {
            return Step::Waiting;
        }
        if follower.cursor >= last {
            follower.behind = false;
            return Step::Done;
        }
        if last.0 - follower.cursor.0 > self.config.catch_up_max {
            return Step::Reset;
        }
        let Some(changes) = ring.after(follower.cursor) else {
            return Step::Fetch(follower.cursor);
        };
        for change in changes {
            if !follower.give(change, None) {
                return Step::Full;
            }
        }
        follower.behind = false;
        Step::Done
    }

    /// The changes after a revision, as many as one call gives; shared by all who miss the same.
    async fn missed(&self, room: RoomId, after: Rev) -> Result<Arc<Vec<Arc<Encoded>>>, Fault> {
        let fetch = async {
            let _one_of_few = self.fetches.acquire().await.expect("it is never closed");
            metrics::missed_fetched();
            let changes = self.backends.changes(room, after).await?.changes;
            Ok(Arc::new(changes.into_iter().map(|change| Encoded::new(room, change)).collect()))
        };
        self.misses
            .try_get_with((room, after), fetch)
            .await
            .map_err(|fault: Arc<Fault>| fault.as_ref().clone())
    }

    /// Replaces what the client holds of the room by its newest page.
    async fn reset(&self, session: &Session, room: &Room) -> Result<(), Fault> {
        metrics::reset();
        let request =
            PageRequest { room: room.id(), anchor: Anchor::Newest, limit: limits::PAGE_DEFAULT };
        let page = self.backends.page(request).await?;
        let rev = page.head.rev;
        let event = Event::Reset {
            room: room.id(),
            epoch: page.epoch,
            rev,
            messages: page.messages.into_iter().map(Into::into).collect(),
            has_more: page.has_more,
        };
        let mut state = room.lock();
        if let Phase::Live(stream) = &mut state.phase {
            stream.note_head(rev);
        }
        if let Some(follower) = state.followers.get_mut(&session.id()) {
            session.outbox().reply(session.codec().event(&event));
            (follower.cursor, follower.anew) = (rev, false);
        }
        Ok(())
    }
}

/// Gives the follower what comes next for it. True when its outbox is full.
fn give_all(session: &Session, room: &Room, changes: &[Arc<Encoded>]) -> bool {
    let mut state = room.lock();
    let Some(follower) = state.followers.get_mut(&session.id()) else { return false };
    changes
        .iter()
        .any(|change| change.rev() == follower.cursor.next() && !follower.give(change, None))
}
