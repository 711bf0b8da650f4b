//! How far messages have come: markers, receipts, earlier versions.

use axum::{Json, extract::State};
use hubbub_client_protocol::{
    Command, Delivered, Edits, EditsPage, Empty, Read, Receipts, ReceiptsView, Reply, Unread,
};
use hubbub_domain::{Rev, RoomId, Seq};
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
        .routes(routes!(read))
        .routes(routes!(delivered))
        .routes(routes!(receipts))
        .routes(routes!(edits))
}

/// How far.
#[derive(Deserialize, ToSchema)]
struct ReadMarker {
    seq: Seq,
}

/// Moves the caller's read marker forward; it never goes back.
#[utoipa::path(put, path = "/v1/rooms/{room}/read", operation_id = "read", tag = "messages",
    params(("room" = RoomId, Path)), request_body = ReadMarker,
    responses((status = 200, body = Unread)))]
async fn read(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(room): Path<RoomId>,
    Body(ReadMarker { seq }): Body<ReadMarker>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Read(Read { room, seq })).await
}

/// Tells that the room's messages have reached one of the caller's devices so far.
#[utoipa::path(put, path = "/v1/rooms/{room}/delivered", operation_id = "delivered",
    tag = "messages", params(("room" = RoomId, Path)), request_body = ReadMarker,
    responses((status = 200, body = Empty)))]
async fn delivered(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(room): Path<RoomId>,
    Body(ReadMarker { seq }): Body<ReadMarker>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Delivered(Delivered { room, seq })).await
}

/// How far a message has come with everybody it was meant for: sent, delivered or read.
#[utoipa::path(get, path = "/v1/rooms/{room}/messages/{seq}/receipts", operation_id = "receipts",
    tag = "messages", params(("room" = RoomId, Path), ("seq" = Seq, Path)),
    responses((status = 200, body = ReceiptsView)))]
async fn receipts(
    State(door): State<RestDoor>,
    caller: Caller,
    Path((room, seq)): Path<(RoomId, Seq)>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Receipts(Receipts { room, seq })).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EditsQuery {
    /// Only what it said before this revision.
    before_rev: Option<Rev>,
    /// 1 to 100; 30 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// What a message said before and after each edit, newest first. One's own, or anybody's as an admin.
#[utoipa::path(get, path = "/v1/rooms/{room}/messages/{seq}/edits", operation_id = "edits",
    tag = "messages", params(("room" = RoomId, Path), ("seq" = Seq, Path), EditsQuery),
    responses((status = 200, body = EditsPage)))]
async fn edits(
    State(door): State<RestDoor>,
    caller: Caller,
    Path((room, seq)): Path<(RoomId, Seq)>,
    Query(EditsQuery { before_rev, limit }): Query<EditsQuery>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Edits(Edits { room, seq, before_rev, limit })).await
}
