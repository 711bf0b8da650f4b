//! The model as messages.

use hubbub_domain::{RoomId, Seq, UserId};
use hubbub_proto::{
    bus::v1::{
        BlockChanged, ChatChanged, Envelope, MembershipChanged, Receipt, ReceiptsMoved,
        RoomUpdated, envelope::Event,
    },
    room::v1 as wire,
    timestamp,
};

use crate::{
    blocking::{Block, BlockState},
    model::{ChatFlags, Member, Membership, MembershipChange, Room},
    store::{Marked, Marker},
};

fn text(user: Option<&UserId>) -> String {
    user.map(UserId::to_string).unwrap_or_default()
}

impl From<&Room> for wire::Room {
    fn from(room: &Room) -> Self {
        let pair = room.pair.as_ref();
        Self {
            room_id: room.id.to_string(),
            kind: wire::RoomKind::from(room.kind).into(),
            name: room.name.clone(),
            topic: room.topic.clone(),
            state: wire::RoomState::from(room.state).into(),
            member_count: room.member_count,
            created_at: Some(timestamp(room.created_at)),
            direct_user_ids: pair
                .map(|(low, high)| vec![low.to_string(), high.to_string()])
                .unwrap_or_default(),
            slow_mode_seconds: room.slow_mode_seconds,
        }
    }
}

impl From<&Member> for wire::Member {
    fn from(member: &Member) -> Self {
        Self {
            user_id: member.user.to_string(),
            role: wire::Role::from(member.role).into(),
            joined_at: Some(timestamp(member.joined_at)),
        }
    }
}

impl From<&Membership> for wire::Membership {
    fn from(membership: &Membership) -> Self {
        Self {
            room_id: membership.room.to_string(),
            kind: wire::RoomKind::from(membership.kind).into(),
            state: wire::RoomState::from(membership.state).into(),
            role: wire::Role::from(membership.role).into(),
            last_read_seq: membership.last_read.0,
            joined_at: Some(timestamp(membership.joined_at)),
            muted: membership.muted,
            pinned: membership.pinned,
            peer_id: text(membership.peer.as_ref()),
            name: membership.name.clone(),
            blocked: membership.blocked,
            slow_mode_seconds: membership.slow_mode_seconds,
        }
    }
}

/// For the topic of the user.
pub(crate) fn membership_changed(change: &MembershipChange) -> Envelope {
    let event = MembershipChanged {
        user_id: change.user.to_string(),
        version: change.version,
        room_id: change.room.to_string(),
        membership: change.membership.as_ref().map(Into::into),
    };
    Envelope { event: Some(Event::MembershipChanged(event)) }
}

/// For the topic of the room.
pub(crate) fn room_updated(room: &Room) -> Envelope {
    Envelope { event: Some(Event::RoomUpdated(RoomUpdated { room: Some(room.into()) })) }
}

/// For the topic of the user.
pub(crate) fn chat_changed(flags: &ChatFlags) -> Envelope {
    let event = ChatChanged {
        user_id: flags.user.to_string(),
        room_id: flags.room.to_string(),
        pinned: flags.pinned,
        muted: flags.muted,
        last_read_seq: flags.last_read.0,
    };
    Envelope { event: Some(Event::ChatChanged(event)) }
}

/// For the topic of the room: markers that moved, of others to each who hears it.
pub(crate) fn receipts_moved<'a>(
    room: RoomId,
    moved: impl Iterator<Item = &'a Marked>,
) -> Envelope {
    let receipt = |marked: &Marked| Receipt {
        user_id: marked.flags.user.to_string(),
        delivered_seq: if marked.moved.delivered { marked.delivered.0 } else { 0 },
        read_seq: if marked.moved.read { marked.flags.last_read.0 } else { 0 },
    };
    let receipts = moved.map(receipt).collect();
    let event = ReceiptsMoved { room_id: room.to_string(), receipts };
    Envelope { event: Some(Event::ReceiptsMoved(event)) }
}

/// A marker as it stands now.
pub(crate) fn marker(marker: &Marker, stands: Option<(Seq, Seq)>) -> wire::ReadMarker {
    let (read, delivered) = stands.unwrap_or_default();
    wire::ReadMarker {
        user_id: marker.user.to_string(),
        room_id: marker.room.to_string(),
        seq: read.0,
        delivered_seq: delivered.0,
    }
}

/// One of two blocks the other, or no longer.
pub(crate) fn block_changed(block: &Block) -> Envelope {
    let event = BlockChanged {
        user_id: block.user.to_string(),
        peer_id: block.peer.to_string(),
        blocked: block.state == BlockState::Blocked,
    };
    Envelope { event: Some(Event::BlockChanged(event)) }
}
