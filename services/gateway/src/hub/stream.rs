//! One room's changes, put back in order. Pure: what arrives from the bus, from history and from head
//! reads goes in; what may be delivered, in order and once, comes out, and whether something is
//! missing. This is where "the bus may lose and swap" becomes "no gap, no duplicate".

use std::collections::BTreeMap;

use hubbub_domain::Rev;

/// Changes that wait for an earlier one. At the bound the newest is dropped: it is fetched again.
const HELD_MAX: usize = 1_024;

/// The order of one room, over whatever carries a change (`T`).
#[derive(Debug)]
pub(crate) struct Stream<T> {
    /// The last revision that was delivered.
    last: Rev,
    /// Arrived early: everything between `last` and the first of these is missing.
    held: BTreeMap<Rev, T>,
    /// The highest revision that is known to exist.
    known: Rev,
}

impl<T> Stream<T> {
    /// A stream that continues after `head`.
    pub(crate) const fn after(head: Rev) -> Self {
        Self { last: head, held: BTreeMap::new(), known: head }
    }

    pub(crate) const fn last(&self) -> Rev {
        self.last
    }

    /// Takes a change from anywhere. What became deliverable goes to `deliver`, in order.
    pub(crate) fn offer(&mut self, rev: Rev, change: T, mut deliver: impl FnMut(Rev, T)) {
        self.note_head(rev);
        if rev <= self.last {
            return;
        }
        if rev > self.last.next() {
            if self.held.len() < HELD_MAX {
                self.held.entry(rev).or_insert(change);
            }
            return;
        }
        deliver(rev, change);
        self.last = rev;
        while let Some(entry) = self.held.first_entry() {
            if *entry.key() > self.last.next() {
                break;
            }
            let (rev, change) = entry.remove_entry();
            if rev == self.last.next() {
                deliver(rev, change);
                self.last = rev;
            }
        }
    }

    /// Learns how far the room has come.
    pub(crate) fn note_head(&mut self, head: Rev) {
        self.known = self.known.max(head);
    }

    /// Something that exists has not been delivered.
    pub(crate) fn has_gap(&self) -> bool {
        self.known > self.last
    }

    /// How many changes are missing or held.
    pub(crate) fn behind_by(&self) -> u64 {
        self.known.0 - self.last.0
    }

    /// What came after `kept` was lost and is given out again: continues after it, or where it was if
    /// that is earlier.
    pub(crate) fn fork(&mut self, kept: Rev) {
        *self = Self::after(self.last.min(kept));
    }

    /// Gives up on what lies before `head`: whoever followed must be told anew.
    pub(crate) fn jump_to(&mut self, head: Rev) {
        *self = Self::after(head);
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::Rev;
    use proptest::prelude::*;

    use super::Stream;

    fn offer(stream: &mut Stream<u64>, rev: u64) -> Vec<u64> {
        let mut out = vec![];
        stream.offer(Rev(rev), rev, |_, change| out.push(change));
        out
    }

    #[test]
    fn holds_what_is_early_and_drops_what_is_old() {
        let mut stream = Stream::after(Rev(5));
        assert_eq!(offer(&mut stream, 5), Vec::<u64>::new());
        assert_eq!(offer(&mut stream, 7), Vec::<u64>::new());
        assert!(stream.has_gap());
        assert_eq!(offer(&mut stream, 6), [6, 7]);
        assert!(!stream.has_gap());
        assert_eq!(offer(&mut stream, 6), Vec::<u64>::new());
    }

    #[test]
    fn a_head_tells_of_what_was_lost_at_the_end() {
        let mut stream = Stream::<u64>::after(Rev(5));
        stream.note_head(Rev(9));
        assert!(stream.has_gap());
        assert_eq!(stream.behind_by(), 4);
    }

    proptest! {
        /// Whatever is lost, swapped or repeated on the way, after a repair from `last` the whole
        /// history was delivered once and in order.
        #[test]
        fn every_schedule_is_delivered_in_order_and_once(
            arrivals in prop::collection::vec(1_u64..=50, 0..200),
        ) {
            let mut stream = Stream::after(Rev(0));
            let mut seen = vec![];
            for rev in arrivals {
                stream.offer(Rev(rev), rev, |_, change| seen.push(change));
            }
            stream.note_head(Rev(50));
            for rev in stream.last().0 + 1..=50 {
                stream.offer(Rev(rev), rev, |_, change| seen.push(change));
            }
            prop_assert_eq!(seen, (1..=50).collect::<Vec<_>>());
            prop_assert!(!stream.has_gap());
        }
    }
}
