//! The rules, one by one.

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
        may_react(&target(state), Reacted { present, count, ..Reacted::default() }, (on, bounds()))
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
