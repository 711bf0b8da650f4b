//! Requests about how far messages have come: markers, receipts, earlier versions.

use hubbub_client_protocol::{
    Delivered, Edits, EditsPage, Read, Receipts, ReceiptsView, Reply, Unread, VersionView,
};
use hubbub_domain::{Fault, Role, RoomId, Seq, UserId};
use hubbub_proto::{history::v1 as history, room::v1 as wire};

use super::{Caller, Core, messages::page_limit};
use crate::backends::{Marker, RoomHead};

impl Core {
    /// Moves the caller's read marker, never beyond the newest message.
    pub(super) async fn read(&self, caller: &Caller, read: &Read) -> Result<Reply, Fault> {
        self.membership(caller, read.room).await?;
        let marker = Marker { room: read.room, last_read: read.seq };
        let head = self.head_for(caller, marker).await?;
        within(read.seq, head.head.seq)?;
        let last_read = self.receipts.read(caller.id().clone(), read.room, read.seq).await?;
        if let Caller::Session { user, .. } = caller {
            user.note_read(read.room, last_read);
        }
        let unread = if last_read == read.seq {
            head
        } else {
            // The marker stood further already.
            self.head_for(caller, Marker { room: read.room, last_read }).await?
        };
        Ok(Reply::Unread(Unread {
            last_read_seq: unread.read,
            unread: unread.unread,
            mentions: unread.mentions,
            seq: unread.head.seq,
            rev: unread.head.rev,
        }))
    }

    /// Notes what has reached one of the caller's devices. Stored a moment later; see `receipts`.
    pub(super) async fn delivered(
        &self,
        caller: &Caller,
        delivered: &Delivered,
    ) -> Result<Reply, Fault> {
        let Delivered { room, seq } = *delivered;
        // What was delivered here lately needs no question to anyone: of many, the newest is stored.
        let known = match caller {
            Caller::Session { user, .. } => user.membership(room).is_some(),
            Caller::Request { .. } => false,
        };
        let is_here = self.hub.newest_seq(room).is_some_and(|newest| newest >= seq);
        if !(known && is_here) && self.standing_of_fleeting(caller, room).await?.is_none() {
            return Ok(Reply::Done {});
        }
        if !is_here {
            let heads = self.backends.heads(None, &[Marker { room, last_read: Seq::ZERO }]).await?;
            let head = heads.rooms.get(&room).copied().unwrap_or_default();
            within(seq, head.head.seq)?;
        }
        self.receipts.delivered(caller.id().clone(), room, seq)?;
        Ok(Reply::Done {})
    }

    pub(super) async fn receipts(
        &self,
        caller: &Caller,
        receipts: &Receipts,
    ) -> Result<Reply, Fault> {
        let request = wire::ListReceiptsRequest {
            actor_id: caller.id().to_string(),
            room_id: receipts.room.to_string(),
            seq: receipts.seq.0,
        };
        let answer = self.backends.list_receipts(request).await?;
        let users = |ids: &[String]| -> Result<Vec<UserId>, Fault> {
            ids.iter().map(|user| user.parse()).collect()
        };
        Ok(Reply::Receipts(ReceiptsView {
            sender: answer.sender_id.parse()?,
            sent: users(&answer.sent_user_ids)?,
            delivered: users(&answer.delivered_user_ids)?,
            read: users(&answer.read_user_ids)?,
        }))
    }

    /// For the message's sender, and for owners and admins of the room.
    pub(super) async fn edits(&self, caller: &Caller, edits: &Edits) -> Result<Reply, Fault> {
        let limit = page_limit(edits.limit)?;
        let membership = self.membership(caller, edits.room).await?;
        let request = history::ListEditsRequest {
            room_id: edits.room.to_string(),
            seq: edits.seq.0,
            actor_id: caller.id().to_string(),
            moderator: membership.role >= Role::Admin,
            before_rev: edits.before_rev.map_or(0, |rev| rev.0),
            limit,
        };
        let (versions, has_more) = self.backends.edits(request).await?;
        let versions = versions.into_iter().map(|version| VersionView {
            rev: version.rev,
            at: version.at,
            body: version.body,
        });
        Ok(Reply::Edits(EditsPage { versions: versions.collect(), has_more }))
    }

    /// Whoever is mentioned has to be a member. A question of its own, for messages with mentions.
    pub(super) async fn check_mentions(
        &self,
        room: RoomId,
        mentions: &[UserId],
    ) -> Result<(), Fault> {
        if mentions.is_empty() {
            return Ok(());
        }
        let request = wire::CheckMembersRequest {
            room_id: room.to_string(),
            user_ids: mentions.iter().map(ToString::to_string).collect(),
        };
        let members = self.backends.check_members(request).await?.member_ids;
        let stranger =
            mentions.iter().find(|user| !members.iter().any(|member| member == user.as_str()));
        match stranger {
            Some(stranger) => {
                let text = format!("mentions: {stranger} is not a member of the room");
                Err(Fault::bad_request(text))
            }
            None => Ok(()),
        }
    }

    async fn head_for(&self, caller: &Caller, marker: Marker) -> Result<RoomHead, Fault> {
        let heads = self.backends.heads(Some(caller.id()), &[marker]).await?;
        Ok(heads.rooms.get(&marker.room).copied().unwrap_or_default())
    }
}

fn within(seq: Seq, newest: Seq) -> Result<(), Fault> {
    if seq > newest {
        return Err(Fault::bad_request(format!("seq is beyond the newest message ({newest})")));
    }
    Ok(())
}
