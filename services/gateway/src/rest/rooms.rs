//! Rooms and who is in them.

use axum::{Json, extract::State};
use hubbub_client_protocol::{
    Command, CreateRoom, Created, Empty, Invite, Invited, Join, Leave, Members, MembersPage,
    OpenDirect, Opened, PublicRooms, PublicRoomsPage, Remove, Reply, RoomNow, RoomView, SetRole,
    UpdateRoom,
};
use hubbub_domain::{ClientId, Role, RoomId, RoomKind, RoomState, UserId};
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
        .routes(routes!(public_rooms, create_room))
        .routes(routes!(open_direct))
        .routes(routes!(get_room, update_room))
        .routes(routes!(join))
        .routes(routes!(leave))
        .routes(routes!(members, invite))
        .routes(routes!(remove))
        .routes(routes!(set_role))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PublicRoomsQuery {
    /// What the name starts with, whatever the case.
    #[serde(default)]
    prefix: String,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 100; 30 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// Public rooms by name.
#[utoipa::path(get, path = "/v1/rooms", operation_id = "public_rooms", tag = "rooms",
    params(PublicRoomsQuery),
    responses((status = 200, body = PublicRoomsPage)))]
async fn public_rooms(
    State(door): State<RestDoor>,
    caller: Caller,
    Query(PublicRoomsQuery { prefix, cursor, limit }): Query<PublicRoomsQuery>,
) -> Result<Json<Reply>, Refused> {
    let wish = PublicRooms { prefix, cursor, limit, watch: None };
    door.execute(&caller, Command::PublicRooms(wish)).await
}

/// A room to make.
#[derive(Deserialize, ToSchema)]
struct NewRoom {
    /// `group` (by default) or `public`.
    kind: Option<RoomKind>,
    /// 1 to 128 characters.
    name: String,
    #[serde(default)]
    topic: String,
    /// Brought in from the start.
    #[serde(default)]
    members: Vec<UserId>,
    /// The same id again finds the same room.
    request_id: Option<ClientId>,
}

/// Makes a group or a public room; the caller is its owner.
#[utoipa::path(post, path = "/v1/rooms", operation_id = "create_room", tag = "rooms",
    request_body = NewRoom,
    responses((status = 200, body = Created)))]
async fn create_room(
    State(door): State<RestDoor>,
    caller: Caller,
    Body(room): Body<NewRoom>,
) -> Result<Json<Reply>, Refused> {
    let NewRoom { kind, name, topic, members, request_id } = room;
    let kind = kind.unwrap_or(RoomKind::Group);
    let create = CreateRoom { kind, name, topic, members, request_id };
    door.execute(&caller, Command::CreateRoom(create)).await
}

/// With whom to talk.
#[derive(Deserialize, ToSchema)]
struct Peer {
    peer: UserId,
}

/// The direct room with somebody: found, or made.
#[utoipa::path(post, path = "/v1/rooms/direct", operation_id = "open_direct", tag = "rooms",
    request_body = Peer,
    responses((status = 200, body = Opened)))]
async fn open_direct(
    State(door): State<RestDoor>,
    caller: Caller,
    Body(Peer { peer }): Body<Peer>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::OpenDirect(OpenDirect { peer })).await
}

/// A room as it stands for the caller: what it is, and how far the caller has read.
#[utoipa::path(get, path = "/v1/rooms/{room}", operation_id = "get_room", tag = "rooms",
    params(("room" = RoomId, Path)), responses((status = 200, body = RoomNow)))]
async fn get_room(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(room): Path<RoomId>,
) -> Result<Json<RoomNow>, Refused> {
    door.read(&caller, "get_room", door.core.room_now(&caller, room)).await
}

/// What to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
struct RoomChange {
    name: Option<String>,
    topic: Option<String>,
    state: Option<RoomState>,
    /// Seconds between two messages of a member, at most 21,600; 0 ends slow mode.
    slow_mode_seconds: Option<u32>,
}

/// Renames a room, sets its topic or slow mode, or opens, closes or dissolves it.
#[utoipa::path(patch, path = "/v1/rooms/{room}", operation_id = "update_room", tag = "rooms",
    params(("room" = RoomId, Path)), request_body = RoomChange,
    responses((status = 200, body = RoomView)))]
async fn update_room(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(room): Path<RoomId>,
    Body(change): Body<RoomChange>,
) -> Result<Json<Reply>, Refused> {
    let RoomChange { name, topic, state, slow_mode_seconds } = change;
    let update = UpdateRoom { room, name, topic, state, slow_mode_seconds };
    door.execute(&caller, Command::UpdateRoom(update)).await
}

/// Becomes a member of a public room.
#[utoipa::path(post, path = "/v1/rooms/{room}/join", operation_id = "join", tag = "rooms",
    params(("room" = RoomId, Path)),
    responses((status = 200, body = Opened)))]
async fn join(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(room): Path<RoomId>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Join(Join { room })).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LeaveQuery {
    /// True: nobody adds the caller again. False: contacts may. Also good after having left.
    for_good: Option<bool>,
}

/// Leaves a room.
#[utoipa::path(post, path = "/v1/rooms/{room}/leave", operation_id = "leave", tag = "rooms",
    params(("room" = RoomId, Path), LeaveQuery),
    responses((status = 200, body = Empty)))]
async fn leave(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(room): Path<RoomId>,
    Query(LeaveQuery { for_good }): Query<LeaveQuery>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Leave(Leave { room, for_good })).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct MembersQuery {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 1,000; 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A page of a room's members: the owner first, then admins, then by user id.
#[utoipa::path(get, path = "/v1/rooms/{room}/members", operation_id = "members", tag = "rooms",
    params(("room" = RoomId, Path), MembersQuery),
    responses((status = 200, body = MembersPage)))]
async fn members(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(room): Path<RoomId>,
    Query(MembersQuery { cursor, limit }): Query<MembersQuery>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Members(Members { room, cursor, limit })).await
}

/// Whom to bring in.
#[derive(Deserialize, ToSchema)]
#[schema(as = Invitees)]
struct Users {
    users: Vec<UserId>,
}

/// Brings people in. Owners and admins.
#[utoipa::path(post, path = "/v1/rooms/{room}/members", operation_id = "invite", tag = "rooms",
    params(("room" = RoomId, Path)), request_body = Users,
    responses((status = 200, body = Invited)))]
async fn invite(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(room): Path<RoomId>,
    Body(Users { users }): Body<Users>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Invite(Invite { room, users })).await
}

/// Puts somebody out who stands lower than the caller.
#[utoipa::path(delete, path = "/v1/rooms/{room}/members/{user}", operation_id = "remove", tag = "rooms",
    params(("room" = RoomId, Path), ("user" = UserId, Path)),
    responses((status = 200, body = Empty)))]
async fn remove(
    State(door): State<RestDoor>,
    caller: Caller,
    Path((room, user)): Path<(RoomId, UserId)>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Remove(Remove { room, user })).await
}

/// A member's standing.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewRole)]
struct Standing {
    role: Role,
}

/// Sets a member's role. Only the owner; making another the owner makes the caller an admin.
#[utoipa::path(put, path = "/v1/rooms/{room}/members/{user}/role", operation_id = "set_role",
    tag = "rooms", params(("room" = RoomId, Path), ("user" = UserId, Path)), request_body = Standing,
    responses((status = 200, body = Empty)))]
async fn set_role(
    State(door): State<RestDoor>,
    caller: Caller,
    Path((room, user)): Path<(RoomId, UserId)>,
    Body(Standing { role }): Body<Standing>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::SetRole(SetRole { room, user, role })).await
}
