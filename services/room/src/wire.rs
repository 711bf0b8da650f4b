//! The model as messages.

use hubbub_domain::{RoomId, UserId};
use hubbub_proto::{
    bus::v1::{ChatChanged, Envelope, MembershipChanged, RoomUpdated, envelope::Event},
    room::v1 as wire,
    timestamp,
};

use crate::model::{ChatFlags, Member, Membership, MembershipChange, Room};

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

/// A marker as it stands now.
pub(crate) fn marker(user: &UserId, room: RoomId, seq: u64) -> wire::ReadMarker {
    wire::ReadMarker { user_id: user.to_string(), room_id: room.to_string(), seq }
}
