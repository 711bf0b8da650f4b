//! Changes of a room that follow one another without a gap, on their way to many: encoded once for
//! each door, whoever and however many they go to.

use std::sync::{Arc, OnceLock};

use hubbub_domain::{ChangeKind, MessageKind, Rev, RoomId, SystemNotice, Timestamp, UserId};

use super::encoded::{DOORS_MAX, Encoded, Live};
use crate::session::{Codec, Frame};

pub(super) struct Run {
    changes: Vec<Live>,
    /// Some of them tell that somebody left.
    departures: bool,
    frames: [OnceLock<Box<[Frame]>>; DOORS_MAX],
}

impl Run {
    /// `None` without changes. They have to be contiguous.
    pub(super) fn new(changes: Vec<Live>) -> Option<Self> {
        let (first, last) = (changes.first()?.change.rev(), changes.last()?.change.rev());
        debug_assert_eq!(last.0 - first.0 + 1, changes.len() as u64, "contiguous");
        let departures = changes.iter().any(|live| departing(&live.change).is_some());
        Some(Self { changes, departures, frames: Default::default() })
    }

    /// What was kept, or fetched: nobody follows its trace any more.
    pub(super) fn of_known<'a>(changes: impl Iterator<Item = &'a Arc<Encoded>>) -> Option<Self> {
        Self::new(changes.map(|change| Arc::clone(change).into()).collect())
    }

    pub(super) fn room(&self) -> RoomId {
        self.changes[0].change.room()
    }

    pub(super) fn first(&self) -> Rev {
        self.changes[0].change.rev()
    }

    pub(super) fn last(&self) -> Rev {
        self.changes[self.changes.len() - 1].change.rev()
    }

    /// When the messages that are measured here got their places.
    pub(super) fn posted_at(&self) -> impl Iterator<Item = Timestamp> {
        let measured = self.changes.iter().filter(|live| live.measured);
        measured.filter_map(|live| match &live.change.change().kind {
            ChangeKind::Posted(message) => Some(message.created_at),
            _ => None,
        })
    }

    /// The changes after a revision, and what one door writes for each; none when it is not the one
    /// before any of them.
    pub(super) fn after(&self, rev: Rev, codec: &dyn Codec) -> (&[Live], &[Frame]) {
        let frames = self.frames[codec.slot()].get_or_init(|| {
            let frame = |live: &Live| Frame {
                bytes: live.change.bytes(codec).clone(),
                trace: live.trace.clone(),
            };
            self.changes.iter().map(frame).collect()
        });
        let place = self.place_after(rev).filter(|place| *place < frames.len());
        place.map_or((&[], &[]), |place| (&self.changes[place..], &frames[place..]))
    }

    /// Which of the changes after a revision is the first to tell that this user left, not counting
    /// those up to `cleared`.
    pub(super) fn departure_after(&self, rev: Rev, user: &UserId, cleared: Rev) -> Option<usize> {
        if !self.departures {
            return None;
        }
        let mut after = self.changes.get(self.place_after(rev)?..)?.iter();
        after.position(|Live { change, .. }| {
            departing(change) == Some(user) && change.rev() > cleared
        })
    }

    fn place_after(&self, rev: Rev) -> Option<usize> {
        usize::try_from((rev.0 + 1).checked_sub(self.first().0)?).ok()
    }
}

/// Who is no longer a member from this change on. It stands in the room's own order, so nothing
/// that was said after it reaches them.
fn departing(change: &Encoded) -> Option<&UserId> {
    let ChangeKind::Posted(message) = &change.change().kind else { return None };
    match &message.kind {
        MessageKind::System(SystemNotice::Left { user } | SystemNotice::Removed { user, .. }) => {
            Some(user)
        }
        _ => None,
    }
}

/// A room is set in another way from this change on.
pub(super) fn resettling(change: &Encoded) -> bool {
    let ChangeKind::Posted(message) = &change.change().kind else { return false };
    matches!(
        message.kind,
        MessageKind::System(
            SystemNotice::Renamed { .. }
                | SystemNotice::StateSet { .. }
                | SystemNotice::SlowModeSet { .. }
        )
    )
}
