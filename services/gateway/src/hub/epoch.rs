//! Which unbroken history a revision belongs to. Two epochs of a store share each room's revisions up to
//! where the room forked; beyond that the same number is another change (ADR 21).

use hubbub_proto::epoch_tag;

/// An epoch in short. Only equality means anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Epoch(u64);

impl Epoch {
    /// Nobody has said yet; on the bus, what an older history instance publishes.
    pub(crate) const UNKNOWN: Self = Self(0);

    pub(crate) fn of(epoch: &str) -> Self {
        if epoch.is_empty() { Self::UNKNOWN } else { Self(epoch_tag(epoch)) }
    }

    pub(crate) const fn of_tag(tag: u64) -> Self {
        Self(tag)
    }

    pub(crate) const fn tag(self) -> u64 {
        self.0
    }

    /// A change of this epoch has its place in a room that is in another one.
    pub(crate) fn fits(self, room: Self) -> bool {
        self == room || self == Self::UNKNOWN
    }
}
