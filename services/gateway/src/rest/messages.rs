//! Messages of a room.

use axum::{Json, extract::State};
use hubbub_client_protocol::{
    Appended, Command, Delete, Edit, History, MessageView, Page, React, Reacted, Reply, Revised,
    Send, moment,
};
use hubbub_domain::{Body as MessageBody, ClientId, RoomId, Seq, Timestamp};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Refused, RestDoor,
    extract::{Body, Path, Query},
};
use crate::core::Caller;

pub(super) fn routes() -> OpenApiRouter<RestDoor> {
    OpenApiRouter::new()
        .routes(routes!(history, send))
        .routes(routes!(get_message, edit, delete))
        .routes(routes!(react, unreact))
}

/// Which page; at most one of the anchors.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PageQuery {
    before_seq: Option<Seq>,
    after_seq: Option<Seq>,
    around_seq: Option<Seq>,
    #[serde(default, deserialize_with = "moment::option")]
    before_time: Option<Timestamp>,
    /// 1 to 100; 30 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// A page of a room's messages, oldest first; the newest page without an anchor.
#[utoipa::path(get, path = "/v1/rooms/{room}/messages", operation_id = "history", tag = "messages",
    params(("room" = RoomId, Path), PageQuery),
    responses((status = 200, body = Page)))]
async fn history(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(room): Path<RoomId>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Reply>, Refused> {
    let PageQuery { before_seq, after_seq, around_seq, before_time, limit } = page;
    let history = History { room, before_seq, after_seq, around_seq, before_time, limit };
    door.execute(&caller, Command::History(history)).await
}

/// A message to send.
#[derive(Deserialize, ToSchema)]
struct NewMessage {
    /// The same id again is the same message.
    client_id: ClientId,
    body: MessageBody,
}

/// Sends a message: answered when it is stored. Repeating it with the same `client_id` is harmless.
#[utoipa::path(post, path = "/v1/rooms/{room}/messages", operation_id = "send", tag = "messages",
    params(("room" = RoomId, Path)), request_body = NewMessage,
    responses((status = 200, body = Appended)))]
async fn send(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(room): Path<RoomId>,
    Body(NewMessage { client_id, body }): Body<NewMessage>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Send(Send { room, client_id, body })).await
}

/// One message.
#[utoipa::path(get, path = "/v1/rooms/{room}/messages/{seq}", operation_id = "get_message",
    tag = "messages", params(("room" = RoomId, Path), ("seq" = Seq, Path)),
    responses((status = 200, body = MessageView)))]
async fn get_message(
    State(door): State<RestDoor>,
    caller: Caller,
    Path((room, seq)): Path<(RoomId, Seq)>,
) -> Result<Json<MessageView>, Refused> {
    door.read(&caller, "get_message", door.core.message(&caller, room, seq)).await
}

/// Another body.
#[derive(Deserialize, ToSchema)]
struct NewBody {
    body: MessageBody,
}

/// Replaces the body of one's own message.
#[utoipa::path(put, path = "/v1/rooms/{room}/messages/{seq}", operation_id = "edit", tag = "messages",
    params(("room" = RoomId, Path), ("seq" = Seq, Path)), request_body = NewBody,
    responses((status = 200, body = Revised)))]
async fn edit(
    State(door): State<RestDoor>,
    caller: Caller,
    Path((room, seq)): Path<(RoomId, Seq)>,
    Body(NewBody { body }): Body<NewBody>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Edit(Edit { room, seq, body })).await
}

/// Takes a message's body away: one's own, or anybody's as an admin. Its place stays.
#[utoipa::path(delete, path = "/v1/rooms/{room}/messages/{seq}", operation_id = "delete", tag = "messages",
    params(("room" = RoomId, Path), ("seq" = Seq, Path)),
    responses((status = 200, body = Revised)))]
async fn delete(
    State(door): State<RestDoor>,
    caller: Caller,
    Path((room, seq)): Path<(RoomId, Seq)>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Delete(Delete { room, seq })).await
}

/// Reacts to a message with an emoji.
#[utoipa::path(put, path = "/v1/rooms/{room}/messages/{seq}/reactions/{emoji}", operation_id = "react",
    tag = "messages",
    params(("room" = RoomId, Path), ("seq" = Seq, Path), ("emoji" = String, Path)),
    responses((status = 200, body = Reacted)))]
async fn react(
    State(door): State<RestDoor>,
    caller: Caller,
    Path((room, seq, emoji)): Path<(RoomId, Seq, String)>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::React(React { room, seq, emoji, on: true })).await
}

/// Takes a reaction back.
#[utoipa::path(delete, path = "/v1/rooms/{room}/messages/{seq}/reactions/{emoji}",
    operation_id = "unreact", tag = "messages",
    params(("room" = RoomId, Path), ("seq" = Seq, Path), ("emoji" = String, Path)),
    responses((status = 200, body = Reacted)))]
async fn unreact(
    State(door): State<RestDoor>,
    caller: Caller,
    Path((room, seq, emoji)): Path<(RoomId, Seq, String)>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::React(React { room, seq, emoji, on: false })).await
}
