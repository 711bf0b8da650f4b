//! Coming into a room that is there already. Newcomers have read it up to its head: what was said
//! before them is theirs to look up, not unread. History is asked for the head before anything is
//! changed, so without history nobody comes in, and nothing was done when that is told.

use hubbub_domain::{Code, Fault, RoomId, Seq, UserId};
use hubbub_proto::{
    fault_from_status,
    history::v1::{GetHeadsRequest, RoomMarker, history_service_client::HistoryServiceClient},
};

use crate::{
    change::Command,
    people::{self, Admission},
    rooms::{Rooms, sorted},
    store::Changed,
};

impl Rooms {
    pub(crate) async fn join(&self, actor: UserId, room: RoomId) -> Result<Changed, Fault> {
        self.people().check_actor(&actor).await?;
        let head = self.head(room).await?;
        self.change(actor, room, Command::Join { head }).await
    }

    pub(crate) async fn invite(
        &self,
        actor: UserId,
        room: RoomId,
        users: Vec<UserId>,
    ) -> Result<Changed, Fault> {
        if users.is_empty() {
            return Err(Fault::bad_request("user_ids is empty"));
        }
        let Admission { allowed, contacts, refused } =
            self.people().admit(&actor, sorted(users)?).await?;
        let head = self.head(room).await?;
        let invite = Command::Invite { users: allowed, contacts, head };
        let mut changed = self.change(actor, room, invite).await?;
        // Members are in the room already, whatever they decided about being added.
        let members = self.store().members_among(room, &refused).await?;
        changed.refused.extend(refused.into_iter().filter(|user| !members.contains(user)));
        changed.refused.sort();
        if changed.added.is_empty() && !changed.refused.is_empty() {
            return Err(people::none_may_be_added());
        }
        Ok(changed)
    }

    /// The newest message of a room. Asked also for rooms that are absent or not the actor's, so
    /// that neither the answer nor an outage tells those apart.
    async fn head(&self, room: RoomId) -> Result<Seq, Fault> {
        let marker = RoomMarker { room_id: room.to_string(), ..RoomMarker::default() };
        let mut request = tonic::Request::new(GetHeadsRequest {
            rooms: vec![marker],
            ..GetHeadsRequest::default()
        });
        request.set_timeout(self.history_timeout());
        let mut history = HistoryServiceClient::new(self.history().any());
        let asking = tokio::time::timeout(self.history_timeout(), history.get_heads(request));
        let answer = asking
            .await
            .map_err(|_| Fault::unavailable("the history service took too long"))?
            .map_err(|status| fault_from_status(&status))?;
        let head = answer.into_inner().rooms.pop().and_then(|room| room.head);
        let head = head.ok_or_else(|| Fault::new(Code::Internal, "history answered no head"))?;
        Ok(Seq(head.seq))
    }
}
