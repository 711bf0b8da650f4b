//! Who is typing in a room.

use std::time::Duration;

use async_trait::async_trait;
use hubbub_domain::{RoomId, UserId};

use crate::EphemeralError;

/// Somebody who types, and for how long that holds without another word from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typist {
    pub user: UserId,
    pub remaining: Duration,
}

/// Typists of one room that are told at the most: those who began last.
pub const TYPISTS_MAX: usize = 50;

/// Who is typing: it ends by itself, however the typist ends.
#[async_trait]
pub trait Typing: Send + Sync + 'static {
    /// The user types in the room, for `ttl` from now on.
    async fn typing(
        &self,
        room: RoomId,
        user: &UserId,
        ttl: Duration,
    ) -> Result<(), EphemeralError>;

    /// The user types no longer.
    async fn not_typing(&self, room: RoomId, user: &UserId) -> Result<(), EphemeralError>;

    /// Who types now, at most [`TYPISTS_MAX`].
    async fn typists(&self, room: RoomId) -> Result<Vec<Typist>, EphemeralError>;
}
