//! What the bus tells about users and rooms, applied to the table.

use std::sync::Arc;

use hubbub_client_protocol::Event;
use hubbub_domain::{Fault, RoomId, Seq, UserId};
use hubbub_proto::{
    bus::v1::{ChatChanged, MembershipChanged, ReceiptsMoved},
    room::v1 as wire,
};

use super::{Users, state::Applied};
use crate::{backends::Membership, views};

impl Users {
    pub(crate) fn membership_changed(
        self: &Arc<Self>,
        user: &UserId,
        change: MembershipChanged,
    ) -> Result<(), Fault> {
        let Some(user) = self.get(user) else { return Ok(()) };
        let room: RoomId = change.room_id.parse()?;
        let membership = change.membership.map(Membership::try_from).transpose()?;
        match user.apply(change.version, room, membership) {
            Applied::Nothing => {}
            Applied::Left => {
                self.hub.unfollow_user(user.id(), room);
                user.tell(&Event::Left { room });
            }
            Applied::Joined => self.follow_soon(user, room),
            Applied::Altered(role) => user.tell(&Event::Role { room, role }),
            Applied::Jumped => self.reread_soon(user),
        }
        Ok(())
    }

    /// A room has another name, topic, state or number of members: who follows it is told.
    pub(crate) fn room_updated(&self, room: RoomId, updated: wire::Room) -> Result<(), Fault> {
        let view = views::room(updated)?;
        let event = Event::Room(Box::new(view.clone()));
        for session in self.hub.followers(room) {
            if let Some(user) = self.get(session.user()) {
                user.update(room, |membership| {
                    membership.state = view.state;
                    membership.slow_mode_seconds = view.slow_mode_seconds;
                    membership.name = view.name.as_str().into();
                });
            }
            session.tell(&event);
        }
        Ok(())
    }

    /// Markers of a room's members moved: the others are told, each of the newest only.
    pub(crate) fn receipts_moved(&self, room: RoomId, moved: &ReceiptsMoved) -> Result<(), Fault> {
        let sessions = self.hub.followers(room);
        for receipt in &moved.receipts {
            let user: UserId = receipt.user_id.parse()?;
            // What was read was delivered: that needs no telling of its own.
            let event = match (receipt.read_seq, receipt.delivered_seq) {
                (0, 0) => continue,
                (0, seq) => Event::Delivered { room, user: user.clone(), seq: Seq(seq) },
                (seq, _) => Event::Read { room, user: user.clone(), seq: Seq(seq) },
            };
            for session in sessions.iter().filter(|session| *session.user() != user) {
                session.tell_newest((room, &user), &event);
            }
        }
        Ok(())
    }

    pub(crate) fn chat_changed(&self, user: &UserId, change: &ChatChanged) -> Result<(), Fault> {
        let Some(user) = self.get(user) else { return Ok(()) };
        let room: RoomId = change.room_id.parse()?;
        let last_read_seq = Seq(change.last_read_seq);
        let (pinned, muted) = (change.pinned, change.muted);
        user.update(room, |membership| {
            (membership.pinned, membership.muted) = (pinned, muted);
            membership.last_read = membership.last_read.max(last_read_seq);
        });
        user.tell(&Event::Chat { room, pinned, muted, last_read_seq });
        Ok(())
    }
}
