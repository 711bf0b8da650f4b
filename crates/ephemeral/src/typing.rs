//! Who is typing in a room.

use std::time::Duration;

use async_trait::async_trait;
use hubbub_domain::{RoomId, UserId};

use crate::EphemeralError;

/// A user who types on a device, and for how long that holds without another word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typist {
    pub user: UserId,
    /// Opaque here, without control characters; empty for a user without one.
    pub device: String,
    pub remaining: Duration,
}

/// Typists of one room that are told at the most: those who began last.
pub const TYPISTS_MAX: usize = 50;

/// Who is typing: it ends by itself, however the typist ends. Devices of one user are typists of their own,
/// so that one ends without the others.
#[async_trait]
pub trait Typing: Send + Sync + 'static {
    /// The user types in the room on a device, for `ttl` from now on.
    async fn typing(
        &self,
        room: RoomId,
        who: (&UserId, &str),
        ttl: Duration,
    ) -> Result<(), EphemeralError>;

    /// The user types no longer on the device.
    async fn not_typing(&self, room: RoomId, who: (&UserId, &str)) -> Result<(), EphemeralError>;

    /// Who types now on which device, at most [`TYPISTS_MAX`].
    async fn typists(&self, room: RoomId) -> Result<Vec<Typist>, EphemeralError>;
}
