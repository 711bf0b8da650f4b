//! A user's rooms in the order of their last activity, page by page.

use hubbub_domain::{Message, RoomId, Timestamp, UserId};

use super::{Marker, RoomHead};

/// Which rooms to rank.
#[derive(Clone, Debug)]
pub struct Ranking {
    pub user: UserId,
    pub markers: Vec<Marker>,
    pub after: Option<Rank>,
    pub limit: u32,
}

/// A room's place in the order of activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    pub active_at: Timestamp,
    pub room: RoomId,
}

/// A room in the order of activity.
#[derive(Clone, Debug)]
pub struct RankedRoom {
    pub head: RoomHead,
    pub active_at: Timestamp,
    pub last_message: Option<Message>,
}
