//! Markers: how far each member has read, and how far the room has reached one of their devices.
//!
//! A marker never goes back, and what was read was delivered. Nobody has their own messages unread:
//! whoever has spoken after a message has read it, which history knows and no marker. A member is
//! asked about only for what came after them.

use std::collections::{BTreeMap, HashSet};

use hubbub_domain::{Code, Fault, RoomId, Seq, UserId};
use hubbub_proto::{
    fault_from_status,
    history::v1::{
        ListSendersRequest, ListSendersResponse, history_service_client::HistoryServiceClient,
    },
    room::v1::ListReceiptsResponse,
};

use crate::{
    rooms::Rooms,
    store::{Marked, Marker, Progress},
};

/// Everybody a message was meant for, by how far it has come with them; each list in order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Receipts {
    sent: Vec<UserId>,
    delivered: Vec<UserId>,
    read: Vec<UserId>,
}

impl Rooms {
    /// Moves markers, and tells the user's devices and, where they are few, the other members.
    pub(crate) async fn mark_read(&self, markers: &[Marker]) -> Result<Vec<Marked>, Fault> {
        if markers.is_empty() {
            return Ok(Vec::new());
        }
        let marked = self.store().mark_read(markers).await?;
        let read = marked.iter().filter(|marked| marked.moved.read);
        self.announcer().chats(read.map(|marked| &marked.flags));
        let mut rooms: BTreeMap<RoomId, Vec<&Marked>> = BTreeMap::new();
        for marked in &marked {
            let moved = marked.moved.read || marked.moved.delivered;
            if moved && marked.member_count <= self.receipts_members_max() {
                rooms.entry(marked.flags.room).or_default().push(marked);
            }
        }
        for (room, moved) in rooms {
            self.announcer().receipts(room, &moved);
        }
        Ok(marked)
    }

    /// How far a message has come with everybody it was meant for.
    pub(crate) async fn receipts(
        &self,
        actor: &UserId,
        room: RoomId,
        seq: Seq,
    ) -> Result<ListReceiptsResponse, Fault> {
        let members_max = self.receipts_asked_members_max();
        let found = self.store().room_of(actor, room).await?;
        let (found, _) = found.ok_or_else(Fault::no_such_room)?;
        if found.member_count > members_max {
            let text = format!("receipts are kept for up to {members_max} members");
            return Err(Fault::new(Code::LimitReached, text));
        }
        let senders = self.senders(room, seq).await?;
        // Members who came this very moment may be more than were counted.
        let members = self.store().progress(room, members_max).await?;
        let since: HashSet<&str> = senders.user_ids.iter().map(String::as_str).collect();
        let receipts = sort_out((&senders.sender_id, seq), members, &since);
        let texts = |users: Vec<UserId>| users.into_iter().map(String::from).collect();
        Ok(ListReceiptsResponse {
            sent_user_ids: texts(receipts.sent),
            delivered_user_ids: texts(receipts.delivered),
            read_user_ids: texts(receipts.read),
            sender_id: senders.sender_id,
        })
    }

    /// Who sent a message, and who has spoken since.
    async fn senders(&self, room: RoomId, seq: Seq) -> Result<ListSendersResponse, Fault> {
        let request = ListSendersRequest { room_id: room.to_string(), seq: seq.0 };
        let mut request = tonic::Request::new(request);
        request.set_timeout(self.history_timeout());
        let mut history = HistoryServiceClient::new(self.history().any());
        let asking = tokio::time::timeout(self.history_timeout(), history.list_senders(request));
        let answer = asking
            .await
            .map_err(|_| Fault::unavailable("the history service took too long"))?
            .map_err(|status| fault_from_status(&status))?;
        Ok(answer.into_inner())
    }
}

fn sort_out((sender, seq): (&str, Seq), members: Vec<Progress>, since: &HashSet<&str>) -> Receipts {
    let mut receipts = Receipts::default();
    for member in members {
        if member.user.as_str() == sender || member.joined >= seq {
            continue;
        }
        let list = if member.read >= seq || since.contains(member.user.as_str()) {
            &mut receipts.read
        } else if member.delivered >= seq {
            &mut receipts.delivered
        } else {
            &mut receipts.sent
        };
        list.push(member.user);
    }
    receipts
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use hubbub_domain::{Seq, UserId};

    use super::{Receipts, sort_out};
    use crate::store::Progress;

    fn user(name: &str) -> UserId {
        UserId::parse(name).expect("a user id")
    }

    #[test]
    fn everybody_it_was_meant_for_is_in_one_list() {
        let member = |name: &str, joined, delivered, read| Progress {
            user: user(name),
            joined: Seq(joined),
            delivered: Seq(delivered),
            read: Seq(read),
        };
        let members = vec![
            member("author", 0, 0, 0),
            member("behind", 0, 4, 4),
            member("newcomer", 5, 9, 9),
            member("reached", 0, 5, 4),
            member("reader", 4, 5, 5),
            member("speaker", 0, 0, 0),
        ];
        let told = sort_out(("author", Seq(5)), members, &HashSet::from(["speaker", "gone"]));
        let wanted = Receipts {
            sent: vec![user("behind")],
            delivered: vec![user("reached")],
            read: vec![user("reader"), user("speaker")],
        };
        assert_eq!(told, wanted);
    }
}
