//! The rules that need no store: which messages make a page, and who may change what. Both adapters
//! ask here, so that they cannot differ.

use hubbub_domain::{Head, Rev, Seq, Timestamp, UserId};

use crate::ReactionBounds;

use crate::store::Standing;

/// Which page of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Newest,
    Before(Seq),
    After(Seq),
    Around(Seq),
    BeforeTime(Timestamp),
}

/// What a page takes: of the messages above `floor` and not above `top`, the `limit` newest. As a
/// room has no gaps, every anchor is such a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub top: Top,
    pub floor: Seq,
    pub limit: u32,
}

/// The newest message a page may hold; never above the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Top {
    Seq(Seq),
    /// The newest one older than the millisecond of this.
    OlderThan(Timestamp),
}

/// The window of an anchor.
pub fn window(anchor: Anchor, limit: u32) -> Window {
    let size = u64::from(limit);
    let upto = |top: u64| Window { top: Top::Seq(Seq(top)), floor: Seq::ZERO, limit };
    match anchor {
        Anchor::Newest => upto(u64::MAX),
        Anchor::Before(seq) => upto(seq.0.saturating_sub(1)),
        Anchor::After(seq) => Window { floor: seq, ..upto(seq.0.saturating_add(size)) },
        // Near the first message the page goes on to what is newer.
        Anchor::Around(seq) => upto(seq.0.saturating_add(size / 2).max(size)),
        Anchor::BeforeTime(moment) => {
            let begin = Timestamp::from_micros(millisecond(moment) * 1_000);
            Window { top: Top::OlderThan(begin), ..upto(0) }
        }
    }
}

/// How far a room's times may run ahead of the clock in whole milliseconds.
const AHEAD_MAX_US: i64 = 1_000_000;
/// By what they rise from there on: at most a hundred messages share a millisecond.
const STEP_AHEAD_US: i64 = 10;

/// The time of a room's next message; the rule of `history.append_v3`. Times of a room rise strictly, and
/// by whole milliseconds, so that a client that reads them in milliseconds, as JavaScript does, can page by
/// them.
pub fn next_time(last: Timestamp, now: Timestamp) -> Timestamp {
    let (last, now) = (last.as_micros(), now.as_micros());
    Timestamp::from_micros(if last - now < AHEAD_MAX_US {
        (now / 1_000).max(last / 1_000 + 1) * 1_000
    } else {
        last + STEP_AHEAD_US
    })
}

/// The millisecond that a time lies in.
pub const fn millisecond(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000)
}

/// Whether messages of the page's oldest millisecond may be left out. A client that hands that time back
/// in milliseconds would miss them. Only rooms from before [`next_time`], and those far ahead of the clock,
/// have several messages in a millisecond.
pub const fn may_split(anchor: Anchor, oldest: Timestamp) -> bool {
    !matches!(anchor, Anchor::After(_)) && oldest.as_micros() % 1_000 != 0
}

/// What lies beyond a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beyond {
    pub has_more: bool,
    pub has_newer: bool,
}

/// Judges by the ends of the page (`None` when it is empty) and the head of the same moment.
pub fn beyond(anchor: Anchor, ends: Option<(Seq, Seq)>, head: Head) -> Beyond {
    let has_newer = match (ends, anchor) {
        (Some((_, last)), _) => last < head.seq,
        (None, Anchor::Before(_) | Anchor::BeforeTime(_)) => head.seq > Seq::ZERO,
        (None, _) => false,
    };
    let has_older = ends.is_some_and(|(first, _)| first > Seq(1));
    let has_more = if matches!(anchor, Anchor::After(_)) { has_newer } else { has_older };
    Beyond { has_more, has_newer }
}

/// What the rules must know about a message that is to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub seq: Seq,
    pub sender: UserId,
    pub state: TargetState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    User,
    System,
    Deleted,
}

/// Why a message may not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRefused {
    #[error("no such message")]
    NoSuchMessage,
    #[error("the message is somebody else's")]
    NotTheSender,
    #[error("the message was deleted")]
    Deleted,
    #[error("the message is a system notice")]
    SystemNotice,
    #[error("reply_to is not an earlier message of the room")]
    NoSuchReply,
    #[error("reply_to was deleted")]
    ReplyDeleted,
    #[error("the message has {0} reactions already")]
    TooManyReactions(u64),
    #[error("the message has {0} different emoji already")]
    TooManyEmoji(u64),
    #[error("you have {0} reactions to the message already")]
    TooManyOfOne(u64),
}

/// Only the sender, and only what somebody said and is still there.
pub fn may_edit(
    target: &Target,
    actor: &UserId,
    reply_to: Option<Seq>,
) -> Result<(), ChangeRefused> {
    match target.state {
        TargetState::System => return Err(ChangeRefused::SystemNotice),
        _ if target.sender != *actor => return Err(ChangeRefused::NotTheSender),
        TargetState::Deleted => return Err(ChangeRefused::Deleted),
        TargetState::User => {}
    }
    if reply_to.is_some_and(|seq| seq >= target.seq) {
        return Err(ChangeRefused::NoSuchReply);
    }
    Ok(())
}

/// The sender and moderators see what a message said before; what was deleted nobody sees.
pub fn may_see_edits(
    target: &Target,
    actor: &UserId,
    standing: Standing,
) -> Result<(), ChangeRefused> {
    match target.state {
        TargetState::System => Err(ChangeRefused::SystemNotice),
        _ if target.sender != *actor && standing == Standing::Member => {
            Err(ChangeRefused::NotTheSender)
        }
        TargetState::Deleted => Err(ChangeRefused::Deleted),
        TargetState::User => Ok(()),
    }
}

/// What a deletion has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delete {
    Now,
    /// It was done before.
    Already,
}

/// The sender and moderators; what happened to the room stays told.
pub fn may_delete(
    target: &Target,
    actor: &UserId,
    standing: Standing,
) -> Result<Delete, ChangeRefused> {
    match target.state {
        TargetState::System => Err(ChangeRefused::SystemNotice),
        _ if target.sender != *actor && standing == Standing::Member => {
            Err(ChangeRefused::NotTheSender)
        }
        TargetState::Deleted => Ok(Delete::Already),
        TargetState::User => Ok(Delete::Now),
    }
}

/// What a reaction has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum React {
    Set,
    Unset,
    /// It is so already.
    Nothing,
}

/// A message's reactions as they stand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reacted {
    /// The actor has this very one.
    pub present: bool,
    pub count: u64,
    /// Of the actor.
    pub own: u64,
    /// Different emoji.
    pub emoji: u64,
    /// Somebody has reacted with this emoji.
    pub known: bool,
}

/// Anybody may react to what is there; what is already so takes no revision.
pub fn may_react(
    target: &Target,
    reacted: Reacted,
    (on, bounds): (bool, ReactionBounds),
) -> Result<React, ChangeRefused> {
    match (on, reacted.present) {
        (true, _) if target.state == TargetState::Deleted => Err(ChangeRefused::Deleted),
        (true, true) | (false, false) => Ok(React::Nothing),
        (false, true) => Ok(React::Unset),
        (true, false) => may_add(reacted, bounds).map(|()| React::Set),
    }
}

fn may_add(reacted: Reacted, bounds: ReactionBounds) -> Result<(), ChangeRefused> {
    let Reacted { count, own, emoji, known, .. } = reacted;
    let [per_message, emoji_max, per_user] =
        [bounds.per_message_max, bounds.emoji_max, bounds.per_user_max].map(u64::from);
    if count >= per_message {
        return Err(ChangeRefused::TooManyReactions(per_message));
    }
    if own >= per_user {
        return Err(ChangeRefused::TooManyOfOne(per_user));
    }
    if !known && emoji >= emoji_max {
        return Err(ChangeRefused::TooManyEmoji(emoji_max));
    }
    Ok(())
}

/// Whether changes follow `after` without a gap.
pub fn contiguous(after: Rev, mut revs: impl Iterator<Item = Rev>) -> bool {
    let mut last = after;
    revs.all(|rev| {
        let follows = rev == last.next();
        last = rev;
        follows
    })
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{Head, Rev, Seq, UserId};
    use proptest::prelude::*;

    use super::{
        Anchor, Beyond, ChangeRefused, Delete, React, Reacted, Target, TargetState, Top, beyond,
        contiguous, may_delete, may_edit, may_react, may_see_edits, window,
    };
    use crate::store::Standing;

    /// The seqs a page holds in a room with messages 1..=head.
    fn bounds() -> crate::ReactionBounds {
        crate::ReactionBounds::default()
    }

    fn seqs(anchor: Anchor, limit: u32, head: u64) -> Vec<u64> {
        let window = window(anchor, limit);
        let Top::Seq(top) = window.top else { panic!("only for seqs") };
        let top = top.0.min(head);
        let first = top.saturating_sub(u64::from(limit)).max(window.floor.0) + 1;
        (first..=top).collect()
    }

    #[test]
    fn anchors_take_what_they_name() {
        assert_eq!(seqs(Anchor::Newest, 3, 10), [8, 9, 10]);
        assert_eq!(seqs(Anchor::Newest, 3, 2), [1, 2]);
        assert_eq!(seqs(Anchor::Before(Seq(4)), 2, 10), [2, 3]);
        assert_eq!(seqs(Anchor::Before(Seq(1)), 2, 10), [] as [u64; 0]);
        assert_eq!(seqs(Anchor::Before(Seq(99)), 2, 10), [9, 10]);
        assert_eq!(seqs(Anchor::After(Seq(4)), 2, 10), [5, 6]);
        assert_eq!(seqs(Anchor::After(Seq(9)), 3, 10), [10]);
        assert_eq!(seqs(Anchor::After(Seq(10)), 3, 10), [] as [u64; 0]);
        assert_eq!(seqs(Anchor::Around(Seq(5)), 3, 10), [4, 5, 6]);
        assert_eq!(seqs(Anchor::Around(Seq(5)), 4, 10), [4, 5, 6, 7]);
        assert_eq!(seqs(Anchor::Around(Seq(1)), 3, 10), [1, 2, 3]);
        assert_eq!(seqs(Anchor::Around(Seq(10)), 3, 10), [8, 9, 10]);
        assert_eq!(seqs(Anchor::Around(Seq(5)), 1, 10), [5]);
    }

    proptest! {
        #[test]
        fn around_holds_its_message(head in 1_u64..50, seq in 1_u64..50, limit in 1_u32..20) {
            let seq = seq.min(head);
            let page = seqs(Anchor::Around(Seq(seq)), limit, head);
            prop_assert!(page.contains(&seq));
            prop_assert_eq!(page.len() as u64, u64::from(limit).min(head));
        }
    }

    #[test]
    fn beyond_looks_the_way_of_the_request() {
        let head = Head { seq: Seq(10), rev: Rev(12) };
        let ends = |first, last| Some((Seq(first), Seq(last)));
        let at = |has_more, has_newer| Beyond { has_more, has_newer };
        assert_eq!(beyond(Anchor::Newest, ends(1, 10), head), at(false, false));
        assert_eq!(beyond(Anchor::Newest, ends(2, 10), head), at(true, false));
        assert_eq!(beyond(Anchor::Before(Seq(4)), ends(1, 3), head), at(false, true));
        assert_eq!(beyond(Anchor::Before(Seq(1)), None, head), at(false, true));
        assert_eq!(beyond(Anchor::After(Seq(2)), ends(3, 9), head), at(true, true));
        assert_eq!(beyond(Anchor::After(Seq(2)), ends(3, 10), head), at(false, false));
        assert_eq!(beyond(Anchor::After(Seq(10)), None, head), at(false, false));
    }

    fn target(state: TargetState) -> Target {
        Target { seq: Seq(5), sender: user("alice"), state }
    }

    fn user(name: &str) -> UserId {
        UserId::parse(name).expect("valid")
    }

    #[test]
    fn only_the_sender_edits_what_is_there() {
        let edit = |state, who: &str| may_edit(&target(state), &user(who), None);
        assert_eq!(edit(TargetState::User, "alice"), Ok(()));
        assert_eq!(edit(TargetState::User, "bob"), Err(ChangeRefused::NotTheSender));
        assert_eq!(edit(TargetState::Deleted, "alice"), Err(ChangeRefused::Deleted));
        assert_eq!(edit(TargetState::Deleted, "bob"), Err(ChangeRefused::NotTheSender));
        assert_eq!(edit(TargetState::System, "alice"), Err(ChangeRefused::SystemNotice));
        let reply = |seq| may_edit(&target(TargetState::User), &user("alice"), Some(Seq(seq)));
        assert_eq!(reply(4), Ok(()));
        assert_eq!(reply(5), Err(ChangeRefused::NoSuchReply));
    }

    #[test]
    fn senders_and_moderators_delete() {
        let delete = |state, who: &str, standing| may_delete(&target(state), &user(who), standing);
        let (user, system, gone) = (TargetState::User, TargetState::System, TargetState::Deleted);
        assert_eq!(delete(user, "alice", Standing::Member), Ok(Delete::Now));
        assert_eq!(delete(user, "bob", Standing::Moderator), Ok(Delete::Now));
        assert_eq!(delete(user, "bob", Standing::Member), Err(ChangeRefused::NotTheSender));
        assert_eq!(delete(gone, "alice", Standing::Member), Ok(Delete::Already));
        assert_eq!(delete(system, "bob", Standing::Moderator), Err(ChangeRefused::SystemNotice));
    }

    #[test]
    fn reactions_are_idempotent_and_bounded() {
        let react = |state, present, count, on| {
            may_react(
                &target(state),
                Reacted { present, count, ..Reacted::default() },
                (on, bounds()),
            )
        };
        let (user, gone) = (TargetState::User, TargetState::Deleted);
        assert_eq!(react(user, false, 0, true), Ok(React::Set));
        assert_eq!(react(user, true, 500, true), Ok(React::Nothing));
        assert_eq!(react(user, true, 500, false), Ok(React::Unset));
        assert_eq!(react(user, false, 0, false), Ok(React::Nothing));
        assert_eq!(react(user, false, 500, true), Err(ChangeRefused::TooManyReactions(500)));
        assert_eq!(react(gone, false, 0, true), Err(ChangeRefused::Deleted));
        assert_eq!(react(gone, false, 0, false), Ok(React::Nothing));
    }

    #[test]
    fn one_person_and_the_emoji_have_bounds_of_their_own() {
        let react = |own, emoji, known| {
            let reacted = Reacted { own, emoji, known, ..Reacted::default() };
            may_react(&target(TargetState::User), reacted, (true, bounds()))
        };
        assert_eq!(react(19, 49, false), Ok(React::Set));
        assert_eq!(react(20, 1, true), Err(ChangeRefused::TooManyOfOne(20)));
        assert_eq!(react(0, 50, false), Err(ChangeRefused::TooManyEmoji(50)));
        assert_eq!(react(0, 50, true), Ok(React::Set), "others may agree");
    }

    #[test]
    fn senders_and_moderators_see_edits() {
        let see = |state, who: &str, standing| may_see_edits(&target(state), &user(who), standing);
        let (user, system, gone) = (TargetState::User, TargetState::System, TargetState::Deleted);
        assert_eq!(see(user, "alice", Standing::Member), Ok(()));
        assert_eq!(see(user, "bob", Standing::Moderator), Ok(()));
        assert_eq!(see(user, "bob", Standing::Member), Err(ChangeRefused::NotTheSender));
        assert_eq!(see(gone, "bob", Standing::Member), Err(ChangeRefused::NotTheSender));
        assert_eq!(see(gone, "alice", Standing::Member), Err(ChangeRefused::Deleted));
        assert_eq!(see(system, "bob", Standing::Moderator), Err(ChangeRefused::SystemNotice));
    }

    #[test]
    fn gaps_are_seen() {
        let revs = |revs: &[u64]| contiguous(Rev(3), revs.iter().copied().map(Rev));
        assert!(revs(&[]) && revs(&[4, 5, 6]));
        assert!(!revs(&[5]) && !revs(&[4, 6]) && !revs(&[4, 4]));
    }
}
