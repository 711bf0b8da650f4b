//! The rules that need no store: which messages make a page, and who may change what. Both adapters
//! ask here, so that they cannot differ.

#[cfg(test)]
mod tests;

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
