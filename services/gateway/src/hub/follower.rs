//! One session's place in a room: how far it has come, and why it may be given nothing for now.

use std::sync::Arc;

use hubbub_client_protocol::CloseCode;
use hubbub_domain::{Rev, RoomId};

use super::{Start, run::Run};
#[cfg(test)]
use crate::simulation::planted::{self, Bug};
use crate::{
    metrics::{self, Cause},
    session::{Codec, Outbox, Session, Tailor},
};

pub(super) struct Follower {
    pub(super) session: Arc<Session>,
    /// These three are the session's. They are here so that giving a frame to one of thousands does not look
    /// at its session, of which nothing is near.
    outbox: Arc<Outbox>,
    tailor: Option<Arc<dyn Tailor>>,
    codec: &'static dyn Codec,
    /// The last revision it was given.
    pub(super) cursor: Rev,
    /// What the client knows means nothing: it is to be caught up by a reset.
    pub(super) anew: bool,
    /// Its events stopped at the cursor; it is to be caught up.
    pub(super) behind: bool,
    /// The room's order says that the user left; until the room service has confirmed it (they may
    /// be back already), nothing more is given. How far the room had come when it was asked.
    pub(super) suspended: Option<Rev>,
    /// The user was confirmed to be a member after all that the room's order says up to here.
    pub(super) cleared: Rev,
}

/// What became of changes that were to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// All that follow the cursor, so many.
    All(usize),
    /// So many; the outbox takes no more.
    Full(usize),
    /// So many; the next tells that this very user left: nothing follows until that is confirmed.
    Suspended(usize),
}

impl Follower {
    /// One that continues after a revision, or anew.
    pub(super) fn new(session: &Arc<Session>, start: Start) -> Self {
        Self {
            session: Arc::clone(session),
            outbox: Arc::clone(session.outbox()),
            tailor: session.tailor().cloned(),
            codec: session.codec(),
            cursor: match start {
                Start::After(rev, _) => rev,
                Start::Anew => Rev::ZERO,
            },
            anew: start == Start::Anew,
            behind: false,
            suspended: None,
            cleared: Rev::ZERO,
        }
    }

    /// Looks at what giving needs, a little before.
    pub(super) fn approach(&self) {
        self.outbox.approach();
        if let Some(tailor) = &self.tailor {
            tailor.approach();
        }
    }

    /// Gives what of a run follows the cursor. The user's own departure stops it; `last` is how far
    /// the room has come.
    pub(super) fn give(&mut self, run: &Run, last: Rev) -> Given {
        let (mut changes, mut frames) = run.after(self.cursor, self.codec);
        let departure = run.departure_after(self.cursor, self.session.user(), self.cleared);
        #[cfg(test)]
        let departure = departure.filter(|_| !planted::has(Bug::LeaveIgnored));
        if let Some(place) = departure {
            (changes, frames) = (&changes[..place], &frames[..place]);
        }
        let given = match &self.tailor {
            None => self.outbox.offer(frames),
            Some(tailor) => {
                let mut changes = changes.iter().map(|live| live.change.change());
                tailor.offer(&self.outbox, (run.room(), self.cursor), frames, &mut changes)
            }
        };
        self.cursor = Rev(self.cursor.0 + given as u64);
        if given < frames.len() {
            Given::Full(given)
        } else if departure.is_some() {
            self.suspended = Some(last);
            Given::Suspended(given)
        } else {
            Given::All(given)
        }
    }

    /// The room goes on in an epoch that shares its revisions up to `kept`. What the client was given
    /// beyond that is replaced by a reset.
    pub(super) fn fork(&mut self, room: RoomId, kept: Option<Rev>) {
        let known = kept.unwrap_or_default();
        if kept.is_none() || self.cursor > known {
            self.anew = true;
            if self.suspended.is_some() {
                // It is given nothing for now, a reset included: it comes back and is judged anew.
                self.session.outbox().close(CloseCode::Moved);
            }
        }
        self.cleared = self.cleared.min(known);
        if self.anew || self.cursor < known {
            self.fall_behind(room, Cause::Skipped);
        }
    }

    pub(super) fn fall_behind(&mut self, room: RoomId, cause: Cause) {
        if !self.behind {
            metrics::fell_behind(cause);
        }
        self.behind = true;
        self.session.note_behind(room);
    }
}
