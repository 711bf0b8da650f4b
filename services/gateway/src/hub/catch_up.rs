//! Bringing one session back to the present of a room: from the room's ring if that reaches back far
//! enough, else from history, past a bound with a `reset` and the newest page. While it lasts, the
//! room's live events pass this session by; at the end it continues exactly after its cursor.

use std::sync::Arc;

use hubbub_client_protocol::Event;
use hubbub_domain::{Fault, Rev, limits};

use super::{Encoded, Epoch, Hub, follower::Given, misses::Changes, room::Room, run::Run};
use crate::{
    backends::{Anchor, PageRequest, another_epoch},
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
    /// The next change tells that the user left: has to be asked about, as of this revision.
    Departed(Rev),
    /// So much is missing that the newest page serves the client better.
    Reset,
}

impl Hub {
    /// Catches a session up in every room where it is behind, until its outbox is full again. One
    /// at a time per session; the session's task calls it whenever the outbox has drained.
    pub(crate) fn catch_up(self: &Arc<Self>, session: &Arc<Session>) {
        session.tell_held();
        if session.is_behind() && session.begin_catch_up() {
            let (hub, session) = (Arc::clone(self), Arc::clone(session));
            self.tasks.spawn(async move {
                hub.catch_up_rooms(&session).await;
                session.end_catch_up();
            });
        }
    }

    async fn catch_up_rooms(self: &Arc<Self>, session: &Arc<Session>) {
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
        session.tell_epoch();
    }

    async fn catch_up_room(
        self: &Arc<Self>,
        session: &Session,
        room: &Room,
    ) -> Result<Step, Fault> {
        loop {
            match self.step(session, room) {
                step @ (Step::Done | Step::Full | Step::Waiting) => return Ok(step),
                Step::Departed(rev) => {
                    self.ask_about(room, session.user().clone(), rev);
                    return Ok(Step::Waiting);
                }
                Step::Fetch(after) => {
                    let changes = self.missed(room, after).await?;
                    match give_all(session, room, &changes) {
                        Some(Step::Departed(rev)) => {
                            self.ask_about(room, session.user().clone(), rev);
                            return Ok(Step::Waiting);
                        }
                        Some(step) => return Ok(step),
                        None => {}
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

    /// What can be done at once, and what is needed next.
    fn step(&self, session: &Session, room: &Room) -> Step {
        let mut part = room.part_of(session);
        let Some(follower) = part.get_mut(&session.id()) else { return Step::Done };
        let order = room.order();
        let Some(last) = order.last() else { return Step::Waiting };
        if follower.suspended.is_some() {
            return Step::Waiting;
        }
        if follower.anew {
            return Step::Reset;
        }
        if follower.cursor >= last {
            follower.behind = false;
            return Step::Done;
        }
        if last.0 - follower.cursor.0 > self.config.catch_up_max {
            return Step::Reset;
        }
        let Some(changes) = order.ring.after(follower.cursor) else {
            return Step::Fetch(follower.cursor);
        };
        let run = Run::of_known(changes);
        drop(order);
        match run.map(|run| follower.give(&run, last)) {
            Some(Given::Full(_)) => Step::Full,
            Some(Given::Suspended(_)) => Step::Departed(last),
            Some(Given::All(_)) | None => {
                follower.behind = false;
                Step::Done
            }
        }
    }

    /// The changes after a revision, as many as one call gives; shared by all who miss the same.
    async fn missed(self: &Arc<Self>, room: &Room, after: Rev) -> Result<Changes, Fault> {
        let place = (room.id(), room.order().epoch());
        let fetch = async {
            let _one_of_few = self.fetches.acquire().await.expect("it is never closed");
            metrics::missed_fetched();
            let changes = self.backends.changes(room.id(), after).await?;
            if Epoch::of(&changes.epoch) != place.1 {
                self.agree_soon();
                return Err(another_epoch());
            }
            Ok(changes.changes.into_iter().map(|change| Encoded::new(place, change)).collect())
        };
        self.misses.share((place, after), fetch).await
    }

    /// Replaces what the client holds of the room by its newest page.
    async fn reset(self: &Arc<Self>, session: &Session, room: &Room) -> Result<(), Fault> {
        metrics::reset();
        let one_of_few = self.fetches.acquire().await.expect("it is never closed");
        let request =
            PageRequest { room: room.id(), anchor: Anchor::Newest, limit: limits::PAGE_DEFAULT };
        let page = self.backends.page(request).await?;
        drop(one_of_few);
        let epoch = self.same_epoch(room, &page.epoch)?;
        let rev = page.head.rev;
        let event = Event::Reset {
            room: room.id(),
            epoch: page.epoch,
            rev,
            messages: page.messages.into_iter().map(Into::into).collect(),
            has_more: page.has_more,
        };
        let mut part = room.part_of(session);
        let mut order = room.order();
        if order.epoch() != epoch {
            return Err(another_epoch());
        }
        order.note_head(rev);
        drop(order);
        if let Some(follower) = part.get_mut(&session.id()) {
            match session.tailor() {
                None => session.outbox().reply(session.codec().event(&event)),
                Some(tailor) => tailor.reset(session.outbox(), room.id(), rev, &event),
            }
            (follower.cursor, follower.anew) = (rev, false);
        }
        Ok(())
    }
}

/// Gives the follower what comes next for it, and nothing that the room's stream has not ordered yet:
/// what that tells of (somebody left) counts for everybody. `None` when all of it was given.
fn give_all(session: &Session, room: &Room, changes: &[Arc<Encoded>]) -> Option<Step> {
    let mut part = room.part_of(session);
    let (last, epoch) = {
        let order = room.order();
        (order.last(), order.epoch())
    };
    let Some(last) = last else { return Some(Step::Waiting) };
    if changes.iter().any(|change| !change.epoch().fits(epoch)) {
        // The room has forked since: what the follower misses is another change.
        return None;
    }
    let follower = part.get_mut(&session.id())?;
    if follower.suspended.is_some() {
        return Some(Step::Waiting);
    }
    let run = Run::of_known(changes.iter().take_while(|change| change.rev() <= last))?;
    match follower.give(&run, last) {
        Given::All(_) => None,
        Given::Full(_) => Some(Step::Full),
        Given::Suspended(_) => Some(Step::Departed(last)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hubbub_domain::{Rev, RoomId, SystemNotice, UserId};

    use super::{super::room::Attached, Step, give_all};
    use crate::{
        hub::{Epoch, Start, encoded::sample::told, room::Room},
        native::NativeCodec,
        session::{Manner, Outbox, Session, Sessions},
    };

    fn alice() -> UserId {
        UserId::parse("alice").expect("valid")
    }

    fn cursor(room: &Room, session: &Session) -> Rev {
        room.part_of(session)[&session.id()].cursor
    }

    #[test]
    fn catching_up_stops_at_ones_own_departure_until_that_is_confirmed() {
        let room = Room::new(RoomId::generate(), 2, Epoch::UNKNOWN);
        let id = Sessions::default().next_id();
        let manner = Manner::plain(&NativeCodec);
        let session = Arc::new(Session::new(id, alice(), manner, Arc::new(Outbox::new(1_000_000))));
        assert_eq!(room.attach(&session, Start::After(Rev(1), Epoch::UNKNOWN)), Attached::Here);
        room.settle(Rev(4));
        let said = |rev| told(room.id(), rev, SystemNotice::Announced { text: "x".into() });
        let left = told(room.id(), 3, SystemNotice::Left { user: alice() });
        let fetched = [said(2), left, said(4), said(5)];

        let step = give_all(&session, &room, &fetched);
        assert!(matches!(step, Some(Step::Departed(Rev(4)))));
        assert_eq!(cursor(&room, &session), Rev(2));
        assert!(matches!(give_all(&session, &room, &fetched), Some(Step::Waiting)));

        room.reinstate(&alice(), Rev(3));
        assert_eq!(cursor(&room, &session), Rev(2), "an answer from before it was asked");
        assert!(matches!(give_all(&session, &room, &fetched), Some(Step::Waiting)));

        room.reinstate(&alice(), Rev(4));
        assert!(give_all(&session, &room, &fetched).is_none());
        assert_eq!(cursor(&room, &session), Rev(4), "what the room has not ordered yet waits");
    }
}
