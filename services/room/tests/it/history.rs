//! The contract of the history service as far as the room service uses it, in memory: places by
//! room, repeated messages found again by `client_id`, an order by activity, and outages on demand.
//! (The real one is another service's crate, which this one never depends on.)

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use hubbub_domain::{Code, Fault};
use hubbub_proto::{
    history::v1::{
        AppendRequest, AppendResponse, AppendResult, AppendStreamRequest, AppendStreamResponse,
        Appended, CheckSendersRequest, CheckSendersResponse, DeleteRequest, DeleteResponse,
        EditRequest, EditResponse, GetHeadsRequest, GetHeadsResponse, GetPageRequest,
        GetPageResponse, GetSurvivedRequest, GetSurvivedResponse, Head, ListChangesRequest,
        ListChangesResponse, ListEditsRequest, ListEditsResponse, ListSendersRequest,
        ListSendersResponse, NewMessage, Rank, RankRoomsRequest, RankRoomsResponse, RankedRoom,
        ReactRequest, ReactResponse, RoomHead, RoomMarker, append_result,
        history_service_server::HistoryService, new_message::Content, system_notice::Event,
    },
    status_from_fault,
};
use parking_lot::Mutex;
use tonic::{Request, Response, Status, Streaming, codegen::BoxStream};

#[derive(Clone, Default)]
pub(crate) struct Notebook {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    rooms: Mutex<BTreeMap<String, Vec<NewMessage>>>,
    /// Who said the messages of every room, for questions about senders.
    speakers: Mutex<Vec<String>>,
    down: AtomicBool,
    forgets_answers: AtomicBool,
    calls: AtomicUsize,
}

impl Notebook {
    pub(crate) fn set_down(&self, down: bool) {
        self.inner.down.store(down, Ordering::Relaxed);
    }

    /// Stores what it is given and then says that it failed: the caller must repeat.
    pub(crate) fn set_forgets_answers(&self, forgets: bool) {
        self.inner.forgets_answers.store(forgets, Ordering::Relaxed);
    }

    /// Makes these the senders of messages 1, 2, 3, … of whatever room is asked about.
    pub(crate) fn set_speakers(&self, speakers: &[&str]) {
        *self.inner.speakers.lock() = speakers.iter().map(ToString::to_string).collect();
    }

    pub(crate) fn calls(&self) -> usize {
        self.inner.calls.load(Ordering::Relaxed)
    }

    /// The notices of a room, in their order.
    pub(crate) fn notices(&self, room_id: &str) -> Vec<Event> {
        let rooms = self.inner.rooms.lock();
        let messages = rooms.get(room_id).map(Vec::as_slice).unwrap_or_default();
        messages.iter().map(event).collect()
    }

    fn answers(&self) -> Result<(), Status> {
        self.inner.calls.fetch_add(1, Ordering::Relaxed);
        if self.inner.down.load(Ordering::Relaxed) {
            return Err(Status::unavailable("down for the test"));
        }
        Ok(())
    }

    fn head(&self, room_id: String) -> RoomHead {
        let rooms = self.inner.rooms.lock();
        let seq = rooms.get(&room_id).map_or(0, |messages| messages.len() as u64);
        RoomHead { head: Some(Head { room_id, seq, rev: seq }), ..RoomHead::default() }
    }

    fn append_one(&self, message: NewMessage) -> AppendResult {
        assert_eq!(message.sender_id, "system");
        let mut rooms = self.inner.rooms.lock();
        let messages = rooms.entry(message.room_id.clone()).or_default();
        let found = messages.iter().position(|old| old.client_id == message.client_id);
        let place = found.unwrap_or_else(|| {
            messages.push(message);
            messages.len() - 1
        });
        let seq = place as u64 + 1;
        let appended = Appended {
            seq,
            rev: seq,
            message_id: uuid::Uuid::nil().to_string(),
            created_at: None,
            duplicate: found.is_some(),
        };
        AppendResult { result: Some(append_result::Result::Appended(appended)) }
    }
}

fn event(message: &NewMessage) -> Event {
    match message.content.clone() {
        Some(Content::System(notice)) => notice.event.expect("an event"),
        other => panic!("not a notice: {other:?}"),
    }
}

fn ranked(marker: RoomMarker) -> RankedRoom {
    let head = Head { room_id: marker.room_id, seq: 0, rev: 0 };
    let head = RoomHead { head: Some(head), read_seq: marker.last_read_seq, ..RoomHead::default() };
    RankedRoom { head: Some(head), active_at: marker.since, last_message: None }
}

type Place = (std::cmp::Reverse<(i64, i32)>, String);

fn place(rank: &Rank) -> Place {
    let active_at = rank.active_at.expect("a moment");
    (std::cmp::Reverse((active_at.seconds, active_at.nanos)), rank.room_id.clone())
}

fn rank_of(room: &RankedRoom) -> Rank {
    let head = room.head.as_ref().and_then(|head| head.head.as_ref()).expect("a head");
    Rank { active_at: room.active_at, room_id: head.room_id.clone() }
}

#[tonic::async_trait]
impl HistoryService for Notebook {
    async fn append(
        &self,
        request: Request<AppendRequest>,
    ) -> Result<Response<AppendResponse>, Status> {
        self.answers()?;
        let messages = request.into_inner().messages;
        let results = messages.into_iter().map(|message| self.append_one(message)).collect();
        if self.inner.forgets_answers.load(Ordering::Relaxed) {
            return Err(Status::unavailable("the answer was lost"));
        }
        Ok(Response::new(AppendResponse { results }))
    }

    type AppendStreamStream = BoxStream<AppendStreamResponse>;

    async fn append_stream(
        &self,
        _: Request<Streaming<AppendStreamRequest>>,
    ) -> Result<Response<Self::AppendStreamStream>, Status> {
        Err(Status::unimplemented("not asked by the room service"))
    }

    async fn rank_rooms(
        &self,
        request: Request<RankRoomsRequest>,
    ) -> Result<Response<RankRoomsResponse>, Status> {
        self.answers()?;
        let request = request.into_inner();
        let mut rooms: Vec<_> = request.rooms.into_iter().map(ranked).collect();
        rooms.sort_by_key(|room| place(&rank_of(room)));
        if let Some(after) = &request.after {
            rooms.retain(|room| place(&rank_of(room)) > place(after));
        }
        let has_more = rooms.len() > request.limit as usize;
        rooms.truncate(request.limit as usize);
        Ok(Response::new(RankRoomsResponse { rooms, has_more }))
    }

    async fn edit(&self, _: Request<EditRequest>) -> Result<Response<EditResponse>, Status> {
        Err(Status::unimplemented("not asked by the room service"))
    }

    async fn delete(&self, _: Request<DeleteRequest>) -> Result<Response<DeleteResponse>, Status> {
        Err(Status::unimplemented("not asked by the room service"))
    }

    async fn react(&self, _: Request<ReactRequest>) -> Result<Response<ReactResponse>, Status> {
        Err(Status::unimplemented("not asked by the room service"))
    }

    async fn get_page(
        &self,
        _: Request<GetPageRequest>,
    ) -> Result<Response<GetPageResponse>, Status> {
        Err(Status::unimplemented("not asked by the room service"))
    }

    async fn list_changes(
        &self,
        _: Request<ListChangesRequest>,
    ) -> Result<Response<ListChangesResponse>, Status> {
        Err(Status::unimplemented("not asked by the room service"))
    }

    async fn list_edits(
        &self,
        _: Request<ListEditsRequest>,
    ) -> Result<Response<ListEditsResponse>, Status> {
        Err(Status::unimplemented("not asked by the room service"))
    }

    async fn get_survived(
        &self,
        _request: Request<GetSurvivedRequest>,
    ) -> Result<Response<GetSurvivedResponse>, Status> {
        Err(Status::unimplemented("the room service never asks"))
    }

    async fn list_senders(
        &self,
        request: Request<ListSendersRequest>,
    ) -> Result<Response<ListSendersResponse>, Status> {
        self.answers()?;
        let seq = usize::try_from(request.into_inner().seq).expect("small");
        let speakers = self.inner.speakers.lock();
        let absent = || status_from_fault(&Fault::new(Code::NotFound, "no such message"));
        let sender_id = speakers.get(seq.wrapping_sub(1)).cloned().ok_or_else(absent)?;
        let since: BTreeSet<&String> = speakers[seq..].iter().collect();
        let user_ids = since.into_iter().cloned().collect();
        Ok(Response::new(ListSendersResponse { sender_id, user_ids }))
    }

    async fn get_heads(
        &self,
        request: Request<GetHeadsRequest>,
    ) -> Result<Response<GetHeadsResponse>, Status> {
        self.answers()?;
        let asked = request.into_inner().rooms.into_iter();
        let rooms = asked.map(|marker| self.head(marker.room_id)).collect();
        Ok(Response::new(GetHeadsResponse { rooms, epoch: String::new() }))
    }

    async fn check_senders(
        &self,
        request: Request<CheckSendersRequest>,
    ) -> Result<Response<CheckSendersResponse>, Status> {
        self.answers()?;
        let speakers = self.inner.speakers.lock();
        let asked = request.into_inner().senders;
        let wrote = asked.iter().map(|sender| speakers.contains(&sender.user_id)).collect();
        Ok(Response::new(CheckSendersResponse { wrote }))
    }
}
