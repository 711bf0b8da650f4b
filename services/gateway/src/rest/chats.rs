//! The caller's chat list.

use axum::{Json, extract::State};
use hubbub_client_protocol::{Chats, ChatsPage, Command, Empty, Reply, UpdateChat};
use hubbub_domain::RoomId;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Refused, RestDoor,
    extract::{Body, Path, Query},
};
use crate::core::Caller;

pub(super) fn routes() -> OpenApiRouter<RestDoor> {
    OpenApiRouter::new().routes(routes!(chats)).routes(routes!(update_chat))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ChatsQuery {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 100; 30 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Only the pinned ones.
    #[serde(default)]
    pinned: bool,
}

/// The caller's chatRecords, newest activity first.
#[utoipa::path(get, path = "/v1/chats", operation_id = "chats", tag = "chats", params(ChatsQuery),
    responses((status = 200, body = ChatsPage)))]
async fn chats(
    State(door): State<RestDoor>,
    caller: Caller,
    Query(ChatsQuery { cursor, limit, pinned }): Query<ChatsQuery>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Chats(Chats { cursor, limit, pinned })).await
}

/// What to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
struct ChatFlags {
    pinned: Option<bool>,
    muted: Option<bool>,
}

/// Pins, unpins, mutes or unmutes a chat for the caller alone.
#[utoipa::path(patch, path = "/v1/chats/{room}", operation_id = "update_chat", tag = "chats",
    params(("room" = RoomId, Path)), request_body = ChatFlags,
    responses((status = 200, body = Empty)))]
async fn update_chat(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(room): Path<RoomId>,
    Body(ChatFlags { pinned, muted }): Body<ChatFlags>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::UpdateChat(UpdateChat { room, pinned, muted })).await
}
