//! What the services answer, in the shapes that clients see.

use hubbub_client_protocol::{ChatView, MemberView, RoomView, WelcomeRoom};
use hubbub_domain::{Fault, Message, Rev, Seq, UserId};
use hubbub_proto::{from_timestamp, room::v1 as wire};

use crate::backends::{Membership, RoomHead, room_head};

pub(crate) fn room(room: wire::Room) -> Result<RoomView, Fault> {
    Ok(RoomView {
        online: None,
        room: room.room_id.parse()?,
        kind: room.kind().to_domain()?,
        state: room.state().to_domain()?,
        slow_mode_seconds: room.slow_mode_seconds,
        member_count: room.member_count,
        created_at: room.created_at.map(from_timestamp).unwrap_or_default(),
        users: room.direct_user_ids.iter().map(|user| user.parse()).collect::<Result<_, _>>()?,
        name: room.name,
        topic: room.topic,
    })
}

pub(crate) fn member(member: &wire::Member) -> Result<MemberView, Fault> {
    Ok(MemberView {
        user: member.user_id.parse()?,
        role: member.role().to_domain()?,
        joined_at: member.joined_at.map(from_timestamp).unwrap_or_default(),
    })
}

pub(crate) fn chat(chat: wire::Chat) -> Result<ChatView, Fault> {
    let head = chat.head.as_ref().map(room_head).unwrap_or_default();
    let role = chat.role().to_domain()?;
    let last_message = chat.last_message.map(Message::try_from).transpose()?;
    Ok(ChatView {
        room: room(chat.room.unwrap_or_default())?,
        peer: (!chat.peer_id.is_empty()).then(|| UserId::parse(&chat.peer_id)).transpose()?,
        role,
        last_message: last_message.map(Into::into),
        active_at: chat.active_at.map(from_timestamp).unwrap_or_default(),
        seq: head.head.seq,
        rev: head.head.rev,
        unread: head.unread,
        mentions: head.mentions,
        last_read_seq: head.read,
        pinned: chat.pinned,
        muted: chat.muted,
    })
}

/// A room as a session is told of it; events continue from `rev`.
pub(crate) fn welcome_room(membership: &Membership, head: RoomHead, rev: Rev) -> WelcomeRoom {
    WelcomeRoom {
        room: membership.room,
        kind: membership.kind,
        name: membership.name.clone().into(),
        peer: membership.peer.clone(),
        state: membership.state,
        role: membership.role,
        seq: head.head.seq,
        rev,
        unread: head.unread,
        mentions: head.mentions,
        last_read_seq: head.read.max(Seq::ZERO),
        pinned: membership.pinned,
        muted: membership.muted,
        slow_mode_seconds: membership.slow_mode_seconds,
        reset: false,
    }
}

/// An opaque cursor: absent on the last page.
pub(crate) fn next_cursor(cursor: String) -> Option<String> {
    (!cursor.is_empty()).then_some(cursor)
}
