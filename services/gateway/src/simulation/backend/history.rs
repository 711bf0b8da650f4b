//! The simulated history service.

use std::sync::Arc;

use futures::{StreamExt as _, stream::BoxStream};
use hubbub_domain::{
    Change, ChangeKind, Fault, Head, MessageKind, Reaction, Rev, RoomId, Seq, Timestamp, UserId,
};
use hubbub_proto::{
    history::v1::{
        self as wire, append_result, history_service_server::HistoryService, new_message,
    },
    parse_client_id, parse_room_id, parse_user_id, status_from_fault, timestamp,
};
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::Backend;

/// Changes in one answer: few, so that catching up takes several.
const CHANGES_MAX: usize = 12;

pub(super) struct History(pub(super) Arc<Backend>);

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl HistoryService for History {
    async fn append(&self, request: Request<wire::AppendRequest>) -> Answer<wire::AppendResponse> {
        let results = self.append_all(request.into_inner().messages).await?;
        Ok(Response::new(wire::AppendResponse { results }))
    }

    type AppendStreamStream = BoxStream<'static, Result<wire::AppendStreamResponse, Status>>;

    async fn append_stream(
        &self,
        request: Request<Streaming<wire::AppendStreamRequest>>,
    ) -> Answer<Self::AppendStreamStream> {
        if self.0.old_history {
            return Err(Status::unimplemented("simulated: an older version"));
        }
        self.0.faults.request().await?;
        let service = Self(Arc::clone(&self.0));
        let answers = request.into_inner().then(move |request| {
            let service = Self(Arc::clone(&service.0));
            async move {
                let results = service.append_all(request?.messages).await?;
                Ok(wire::AppendStreamResponse { results })
            }
        });
        self.0.faults.answer().await?;
        Ok(Response::new(answers.boxed()))
    }

    async fn edit(&self, request: Request<wire::EditRequest>) -> Answer<wire::EditResponse> {
        self.0.faults.request().await?;
        let request = request.into_inner();
        let room = parse_room_id(&request.room_id).map_err(refused)?;
        let actor = parse_user_id(&request.actor_id).map_err(refused)?;
        let body = request.body.unwrap_or_default().try_into().map_err(refused)?;
        let edited = self.0.store.lock().edit((room, Seq(request.seq)), &actor, body);
        let rev = self.changed(room, edited)?;
        self.0.faults.answer().await?;
        let at = Some(timestamp(Timestamp::default()));
        Ok(Response::new(wire::EditResponse { rev: rev.0, at }))
    }

    async fn delete(&self, _: Request<wire::DeleteRequest>) -> Answer<wire::DeleteResponse> {
        Err(Status::unimplemented("no simulated client deletes"))
    }

    async fn react(&self, request: Request<wire::ReactRequest>) -> Answer<wire::ReactResponse> {
        self.0.faults.request().await?;
        let request = request.into_inner();
        let room = parse_room_id(&request.room_id).map_err(refused)?;
        let user = parse_user_id(&request.actor_id).map_err(refused)?;
        let reaction = Reaction { user, emoji: request.emoji };
        let reacted = self.0.store.lock().react(room, Seq(request.seq), reaction);
        let rev = self.changed(room, reacted)?;
        self.0.faults.answer().await?;
        Ok(Response::new(wire::ReactResponse { rev: rev.0, changed: true }))
    }

    async fn get_page(
        &self,
        request: Request<wire::GetPageRequest>,
    ) -> Answer<wire::GetPageResponse> {
        self.0.faults.request().await?;
        let request = request.into_inner();
        let room = parse_room_id(&request.room_id).map_err(refused)?;
        let page = {
            let store = self.0.store.lock();
            let (messages, has_more) = store.newest(room, request.limit as usize);
            wire::GetPageResponse {
                messages: messages.into_iter().map(Into::into).collect(),
                has_more,
                has_newer: false,
                head: Some(wire::Head::of(room, store.head(room))),
                epoch: store.epoch(),
            }
        };
        self.0.faults.answer().await?;
        Ok(Response::new(page))
    }

    async fn list_changes(
        &self,
        request: Request<wire::ListChangesRequest>,
    ) -> Answer<wire::ListChangesResponse> {
        self.0.faults.request().await?;
        let request = request.into_inner();
        let room = parse_room_id(&request.room_id).map_err(refused)?;
        let answer = {
            let store = self.0.store.lock();
            let changes = store.changes(room, Rev(request.after_rev), CHANGES_MAX);
            wire::ListChangesResponse {
                changes: changes.into_iter().map(Into::into).collect(),
                head: Some(wire::Head::of(room, store.head(room))),
                epoch: store.epoch(),
            }
        };
        self.0.faults.answer().await?;
        Ok(Response::new(answer))
    }

    async fn get_heads(
        &self,
        request: Request<wire::GetHeadsRequest>,
    ) -> Answer<wire::GetHeadsResponse> {
        self.0.faults.request().await?;
        let rooms = request.into_inner().rooms;
        let rooms = rooms.iter().map(|room| parse_room_id(&room.room_id));
        let rooms = rooms.collect::<Result<Vec<RoomId>, Fault>>().map_err(refused)?;
        let answer = {
            let store = self.0.store.lock();
            let head = |room| room_head(room, store.head(room));
            wire::GetHeadsResponse {
                rooms: rooms.into_iter().map(head).collect(),
                epoch: store.epoch(),
            }
        };
        self.0.faults.answer().await?;
        Ok(Response::new(answer))
    }

    async fn rank_rooms(
        &self,
        _: Request<wire::RankRoomsRequest>,
    ) -> Answer<wire::RankRoomsResponse> {
        Err(Status::unimplemented("the gateway does not call it"))
    }

    async fn list_edits(
        &self,
        _: Request<wire::ListEditsRequest>,
    ) -> Answer<wire::ListEditsResponse> {
        Err(Status::unimplemented("no simulated client looks at edits"))
    }

    async fn get_survived(
        &self,
        request: Request<wire::GetSurvivedRequest>,
    ) -> Answer<wire::GetSurvivedResponse> {
        self.0.faults.request().await?;
        let wire::GetSurvivedRequest { epoch, room_ids } = request.into_inner();
        let rooms = room_ids.iter().map(|room| parse_room_id(room));
        let rooms = rooms.collect::<Result<Vec<RoomId>, Fault>>().map_err(refused)?;
        let answer = {
            let store = self.0.store.lock();
            let heads = rooms
                .iter()
                .map(|room| store.survived(&epoch, *room).map(|head| wire::Head::of(*room, head)));
            let heads = heads.collect::<Option<Vec<_>>>();
            wire::GetSurvivedResponse {
                epoch: store.epoch(),
                known: heads.is_some(),
                heads: heads.unwrap_or_default(),
            }
        };
        self.0.faults.answer().await?;
        Ok(Response::new(answer))
    }

    async fn list_senders(
        &self,
        _: Request<wire::ListSendersRequest>,
    ) -> Answer<wire::ListSendersResponse> {
        Err(Status::unimplemented("the gateway does not call it"))
    }

    async fn check_senders(
        &self,
        _: Request<wire::CheckSendersRequest>,
    ) -> Answer<wire::CheckSendersResponse> {
        Err(Status::unimplemented("the gateway does not call it"))
    }
}

impl History {
    async fn append_all(
        &self,
        messages: Vec<wire::NewMessage>,
    ) -> Result<Vec<wire::AppendResult>, Status> {
        self.0.faults.request().await?;
        let results = messages.into_iter().map(|message| self.append_one(message)).collect();
        self.0.faults.answer().await?;
        Ok(results)
    }

    fn append_one(&self, message: wire::NewMessage) -> wire::AppendResult {
        let result = match self.place(message) {
            Ok(appended) => append_result::Result::Appended(appended),
            Err(fault) => append_result::Result::Refusal(wire::Refusal {
                code: fault.code.as_str().to_owned(),
                message: fault.message.into_owned(),
                retry_after_ms: 0,
            }),
        };
        wire::AppendResult { result: Some(result) }
    }

    fn place(&self, message: wire::NewMessage) -> Result<wire::Appended, Fault> {
        let room = parse_room_id(&message.room_id)?;
        let sender: UserId = parse_user_id(&message.sender_id)?;
        let client_id = parse_client_id(&message.client_id)?;
        let Some(new_message::Content::Body(body)) = message.content else {
            return Err(Fault::bad_request("content is not a body"));
        };
        let kind = MessageKind::User(body.try_into()?);
        let place = self.0.store.lock().append(room, (&sender, &client_id), kind);
        let (message, duplicate) = (place.message, place.duplicate);
        let appended = wire::Appended {
            seq: message.seq.0,
            rev: message.rev.0,
            message_id: message.id.to_string(),
            created_at: Some(timestamp(message.created_at)),
            duplicate,
        };
        if !duplicate {
            let (rev, kind) = (message.rev, ChangeKind::Posted(Box::new(message)));
            self.0.publish_changes(room, vec![Change { rev, kind }]);
        }
        Ok(appended)
    }

    fn changed(&self, room: RoomId, change: Option<Change>) -> Result<Rev, Status> {
        let change = change.ok_or_else(|| Status::not_found("no such message"))?;
        let rev = change.rev;
        self.0.publish_changes(room, vec![change]);
        Ok(rev)
    }
}

fn room_head(room: RoomId, head: Head) -> wire::RoomHead {
    wire::RoomHead { head: Some(wire::Head::of(room, head)), ..wire::RoomHead::default() }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn refused(fault: Fault) -> Status {
    status_from_fault(&fault)
}
