//! Who is in rooms that somebody looks at: each for a time, and each counted once, however many nodes say so.
//!
//! Nodes say who is there of theirs, again and again; what nobody repeats ends. One node cannot know that
//! somebody is nowhere else: who went from it ends a little sooner, and only at once when it is sure.

use std::time::Duration;

use async_trait::async_trait;
use hubbub_domain::{RoomId, UserId};

use crate::EphemeralError;

/// Some people in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crowd {
    pub room: RoomId,
    pub users: Vec<UserId>,
}

/// The people in rooms.
#[async_trait]
pub trait Crowds: Send + Sync + 'static {
    /// They are there for `ttl` from now on, or for as long as was said before, if that is longer.
    async fn gather(&self, crowds: &[Crowd], ttl: Duration) -> Result<(), EphemeralError>;

    /// They are there for `within` from now on at the most, unless somebody gathers them again. Zero: no
    /// longer.
    async fn scatter(&self, crowds: &[Crowd], within: Duration) -> Result<(), EphemeralError>;

    /// How many are in each of these rooms, in their order.
    async fn crowd_sizes(&self, rooms: &[RoomId]) -> Result<Vec<u64>, EphemeralError>;
}
