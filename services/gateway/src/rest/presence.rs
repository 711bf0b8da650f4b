//! Who is there and who types.

use axum::{Json, extract::State};
use hubbub_client_protocol::{Command, Empty, Reply, Typing, Watch, Watched};
use hubbub_domain::{RoomId, UserId};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Refused, RestDoor,
    extract::{Body, Path},
};
use crate::core::Caller;

pub(super) fn routes() -> OpenApiRouter<RestDoor> {
    OpenApiRouter::new().routes(routes!(typing)).routes(routes!(watch))
}

/// Whether the caller types.
#[derive(Deserialize, ToSchema)]
struct TypingState {
    on: bool,
}

/// Tells the others in the room that the caller types, or no longer does. It ends by itself.
#[utoipa::path(put, path = "/v1/rooms/{room}/typing", operation_id = "typing", tag = "people",
    params(("room" = RoomId, Path)), request_body = TypingState,
    responses((status = 200, body = Empty)))]
async fn typing(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(room): Path<RoomId>,
    Body(TypingState { on }): Body<TypingState>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Typing(Typing { room, on })).await
}

/// Whose presence.
#[derive(Deserialize, ToSchema)]
#[schema(as = Watchees)]
struct Users {
    users: Vec<UserId>,
}

/// The presence of some users now. Those with whom the caller shares no room are `unknown`.
#[utoipa::path(post, path = "/v1/presence", operation_id = "watch", tag = "people",
    request_body = Users,
    responses((status = 200, body = Watched)))]
async fn watch(
    State(door): State<RestDoor>,
    caller: Caller,
    Body(Users { users }): Body<Users>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Watch(Watch { users })).await
}
