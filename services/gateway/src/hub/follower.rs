//! One session's place in a room: how far it has come, and why it may be given nothing for now.

use std::sync::Arc;

use hubbub_domain::{ChangeKind, MessageKind, Rev, RoomId, SystemNotice, UserId};

use super::{Encoded, encoded::Live};
use crate::{
    metrics::{self, Cause},
    session::{Frame, Offered, Session},
};

pub(super) struct Follower {
    pub(super) session: Arc<Session>,
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

/// What a follower is to be given next.
pub(super) struct Next<'a> {
    change: &'a Encoded,
    trace: Option<&'a Arc<tracing::Span>>,
}

impl<'a> From<&'a Live> for Next<'a> {
    fn from(live: &'a Live) -> Self {
        Self { change: &live.change, trace: live.trace.as_ref() }
    }
}

/// What became of a change that was to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Yes,
    /// The outbox takes no more.
    Full,
    /// It tells that this very user left: nothing follows until that is confirmed.
    Suspended,
}

impl Follower {
    /// Gives the next change to one that is catching up. Their own departure stops them here as it
    /// does those who are live; `last` is how far the room has come.
    pub(super) fn catch_up_with(&mut self, change: &Encoded, last: Rev) -> Given {
        if departing(change) == Some(self.session.user()) && change.rev() > self.cleared {
            self.suspended = Some(last);
            return Given::Suspended;
        }
        let next = Next { change, trace: None };
        if self.give(change.room(), std::iter::once(next)).taken > 0 {
            Given::Yes
        } else {
            Given::Full
        }
    }

    /// Gives changes that follow the cursor without a gap; they leave in one write.
    pub(super) fn give<'a>(
        &mut self,
        room: RoomId,
        changes: impl Iterator<Item = Next<'a>>,
    ) -> Offered {
        let codec = self.session.codec();
        let frames = changes.map(|Next { change, trace }| {
            (change, Frame { bytes: change.bytes(codec), trace: trace.cloned() })
        });
        let outbox = self.session.outbox();
        let offered = match self.session.tailor() {
            None => outbox.offer(frames.map(|(_, frame)| frame)),
            Some(tailor) => {
                let mut frames = frames.map(|(change, frame)| (change.change(), frame));
                tailor.offer(outbox, room, self.cursor, &mut frames)
            }
        };
        self.cursor = Rev(self.cursor.0 + offered.taken as u64);
        offered
    }

    pub(super) fn fall_behind(&mut self, room: RoomId, cause: Cause) {
        metrics::fell_behind(cause);
        self.behind = true;
        self.session.note_behind(room);
    }
}

/// Who is no longer a member from this change on. It stands in the room's own order, so nothing
/// that was said after it reaches them.
pub(super) fn departing(change: &Encoded) -> Option<&UserId> {
    let ChangeKind::Posted(message) = &change.change().kind else { return None };
    match &message.kind {
        MessageKind::System(SystemNotice::Left { user } | SystemNotice::Removed { user, .. }) => {
            Some(user)
        }
        _ => None,
    }
}
