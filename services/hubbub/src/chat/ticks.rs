//! How far what is said here has come with the others, and how far what they say was shown here.

use std::collections::{BTreeSet, HashMap};

use hubbub_domain::{Seq, UserId};

/// Own messages whose way is followed. Of one more the oldest is forgotten.
const OWN_MAX: usize = 1_000;

/// How a message stands with somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Delivered,
    Read,
}

#[derive(Default)]
pub(super) struct Ticks {
    own: BTreeSet<Seq>,
    /// How far each of the others has received, and read.
    others: HashMap<UserId, [Seq; 2]>,
    /// The newest of the others' messages that was shown, and the newest that was said to be read.
    shown: Seq,
    said: Seq,
    /// The request that says it.
    asked: Option<u64>,
}

impl Ticks {
    /// A message of ours is stored.
    pub(super) fn note_own(&mut self, seq: Seq) {
        self.own.insert(seq);
        if self.own.len() > OWN_MAX {
            self.own.pop_first();
        }
    }

    /// A message of somebody else was shown.
    pub(super) fn note_shown(&mut self, seq: Seq) {
        self.shown = self.shown.max(seq);
    }

    /// Somebody's marker moved: in words, when a message of ours has come further by it.
    pub(super) fn moved(&mut self, user: &UserId, mark: Mark, seq: Seq) -> Option<String> {
        let [delivered, read] = self.others.entry(user.clone()).or_default();
        let known = match mark {
            Mark::Delivered => std::mem::replace(delivered, seq.max(*delivered)),
            Mark::Read => {
                // What was read was delivered.
                *delivered = seq.max(*delivered);
                std::mem::replace(read, seq.max(*read))
            }
        };
        if seq <= known {
            return None;
        }
        self.own.range(known.next()..=seq).next()?;
        Some(match mark {
            Mark::Delivered => format!("\u{2713}\u{2713} delivered to {user}"),
            Mark::Read => format!("\u{2713}\u{2713} read by {user}"),
        })
    }

    /// What is to be said to be read, unless that is being said.
    pub(super) fn to_say(&self) -> Option<Seq> {
        (self.asked.is_none() && self.shown > self.said).then_some(self.shown)
    }

    pub(super) fn asked(&mut self, id: u64, seq: Seq) {
        (self.asked, self.said) = (Some(id), seq);
    }

    /// True when the request was one of these. One that was refused is not repeated: the next tells more.
    pub(super) fn answered(&mut self, id: u64) -> bool {
        let is_it = self.asked == Some(id);
        if is_it {
            self.asked = None;
        }
        is_it
    }

    pub(super) const fn is_saying(&self) -> bool {
        self.asked.is_some()
    }

    /// Another connection: what was asked on the last one may not have arrived.
    pub(super) fn begin_anew(&mut self) {
        if self.asked.take().is_some() {
            self.said = Seq::ZERO;
        }
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{Seq, UserId};

    use super::{Mark, OWN_MAX, Ticks};

    #[test]
    fn a_mark_is_told_once_for_what_is_ours() {
        let (mut ticks, bob) = (Ticks::default(), UserId::parse("bob").expect("valid"));
        assert_eq!(ticks.moved(&bob, Mark::Delivered, Seq(3)), None, "nothing is ours");
        ticks.note_own(Seq(4));
        let delivered = ticks.moved(&bob, Mark::Delivered, Seq(5));
        assert_eq!(delivered.as_deref(), Some("✓✓ delivered to bob"));
        assert_eq!(ticks.moved(&bob, Mark::Delivered, Seq(5)), None, "told already");
        assert_eq!(ticks.moved(&bob, Mark::Read, Seq(4)).as_deref(), Some("✓✓ read by bob"));
        ticks.note_own(Seq(6));
        assert_eq!(ticks.moved(&bob, Mark::Read, Seq(5)), None, "not as far as ours");
        assert!(ticks.moved(&bob, Mark::Read, Seq(6)).is_some());
        assert_eq!(ticks.moved(&bob, Mark::Delivered, Seq(6)), None, "it was read");
        assert_eq!(ticks.moved(&bob, Mark::Read, Seq(2)), None, "markers do not go back");
        (7..=2 * OWN_MAX as u64).for_each(|seq| ticks.note_own(Seq(seq)));
        assert_eq!(ticks.own.len(), OWN_MAX);
    }

    #[test]
    fn what_was_shown_is_said_once_and_again_when_the_connection_broke() {
        let mut ticks = Ticks::default();
        assert_eq!(ticks.to_say(), None);
        ticks.note_shown(Seq(2));
        assert_eq!(ticks.to_say(), Some(Seq(2)));
        ticks.asked(7, Seq(2));
        ticks.note_shown(Seq(3));
        assert_eq!(ticks.to_say(), None, "one at a time");
        assert!(!ticks.answered(6));
        assert!(ticks.answered(7));
        assert_eq!(ticks.to_say(), Some(Seq(3)));
        ticks.asked(8, Seq(3));
        ticks.begin_anew();
        assert_eq!(ticks.to_say(), Some(Seq(3)));
    }
}
