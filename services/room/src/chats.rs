//! The chat list: all of a user's chatRecords in one query, ordered by one call to history. Without
//! history there is no list: an outage is told, never an empty page.

use std::collections::HashMap;

use hubbub_domain::Fault;
use hubbub_proto::{
    GRPC_MESSAGE_BYTES_MAX, fault_from_status,
    history::v1::{
        Rank, RankRoomsRequest, RankRoomsResponse, RankedRoom, RoomMarker,
        history_service_client::HistoryServiceClient,
    },
    room::v1::{Chat, ListChatsResponse, Role},
    timestamp,
};

use crate::{
    cursor,
    model::ChatRecord,
    rooms::Rooms,
    store::{ChatFilter, ChatWish},
};

/// The most rooms that are ranked: the most recently joined. What history takes in one call.
const RANKED_ROOMS_MAX: u32 = 10_000;

/// Which page of whose chat list.
#[derive(Clone, Debug)]
pub(crate) struct ChatPage {
    pub(crate) user: hubbub_domain::UserId,
    pub(crate) only: ChatFilter,
    pub(crate) after: Option<Rank>,
    pub(crate) limit: u32,
}

impl Rooms {
    pub(crate) async fn list_chats(&self, page: ChatPage) -> Result<ListChatsResponse, Fault> {
        let wish = ChatWish { user: page.user.clone(), only: page.only, limit: RANKED_ROOMS_MAX };
        let records = self.store().chat_records(&wish).await?;
        if records.is_empty() {
            return Ok(ListChatsResponse::default());
        }
        let ranked = self.rank(&page, &records).await?;
        Ok(assemble(records, ranked))
    }

    async fn rank(
        &self,
        page: &ChatPage,
        records: &[ChatRecord],
    ) -> Result<RankRoomsResponse, Fault> {
        let request = RankRoomsRequest {
            user_id: page.user.to_string(),
            rooms: records.iter().map(marker).collect(),
            limit: page.limit,
            after: page.after.clone(),
        };
        let mut request = tonic::Request::new(request);
        request.set_timeout(self.history_timeout());
        let mut history = HistoryServiceClient::new(self.history().any())
            .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
            .max_encoding_message_size(GRPC_MESSAGE_BYTES_MAX);
        let response = history.rank_rooms(request).await;
        Ok(response.map_err(|status| fault_from_status(&status))?.into_inner())
    }
}

fn marker(record: &ChatRecord) -> RoomMarker {
    RoomMarker {
        room_id: record.room.id.to_string(),
        last_read_seq: record.last_read.0,
        since: Some(timestamp(record.joined_at)),
    }
}

fn assemble(records: Vec<ChatRecord>, ranked: RankRoomsResponse) -> ListChatsResponse {
    let next_cursor = match ranked.rooms.last() {
        Some(last) if ranked.has_more => cursor::write_rank(&rank_of(last)),
        _ => String::new(),
    };
    let mut records: HashMap<String, ChatRecord> =
        records.into_iter().map(|record| (record.room.id.to_string(), record)).collect();
    let chats = ranked
        .rooms
        .into_iter()
        .filter_map(|room| Some(chat(records.remove(room_id(&room))?, room)))
        .collect();
    ListChatsResponse { chats, next_cursor }
}

fn room_id(room: &RankedRoom) -> &str {
    let head = room.head.as_ref().and_then(|head| head.head.as_ref());
    head.map_or("", |head| head.room_id.as_str())
}

fn rank_of(room: &RankedRoom) -> Rank {
    Rank { active_at: room.active_at, room_id: room_id(room).to_owned() }
}

fn chat(record: ChatRecord, ranked: RankedRoom) -> Chat {
    Chat {
        room: Some((&record.room).into()),
        peer_id: record.peer.map(String::from).unwrap_or_default(),
        last_message: ranked.last_message,
        active_at: ranked.active_at,
        head: ranked.head,
        pinned: record.pinned,
        muted: record.muted,
        role: Role::from(record.role).into(),
    }
}
