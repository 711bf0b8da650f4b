//! Bugs that can be planted into the product, to show that the simulation would find them. They
//! exist in this crate's unit tests only.

use std::cell::Cell;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// What the bus did not bring is never fetched.
    GapForgotten,
    /// A resumed room continues one revision too late.
    ResumeOffByOne,
    /// Comparing heads sends the last change again.
    RepeatedAfterResync,
    /// Live events do not wait until a session is caught up.
    CatchUpOvertaken,
    /// Who left goes on hearing the room.
    LeaveIgnored,
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Whether the world that runs on this thread has this bug.
pub(crate) fn has(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Takes the bug out again when it is dropped.
pub(super) struct Planted;

impl Planted {
    pub(super) fn new(bug: Option<Bug>) -> Self {
        PLANTED.set(bug);
        Self
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        PLANTED.set(None);
    }
}
