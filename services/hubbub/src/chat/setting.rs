//! The settings of one run of the chat client.

use hubbub_domain::{RoomId, UserId};

/// The peer or the room to talk in, and when to end.
pub(super) struct Setting {
    pub(super) me: UserId,
    pub(super) peer: Option<UserId>,
    pub(super) room: Option<RoomId>,
    pub(super) stay: bool,
    pub(super) expiry: Expiry,
}

/// The reaction to a token that is about to end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    ComeBack,
    Stay,
}
