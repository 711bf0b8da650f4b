//! The caller's contacts, requests and blocks.

use axum::{Json, extract::State};
use hubbub_client_protocol::{
    AcceptContact, Block, Blocks, Command, ContactState, Contacts, ContactsPage, DeclineContact,
    Empty, RemoveContact, Reply, RequestContact, Standing, Unblock, UsersPage,
};
use hubbub_domain::UserId;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Refused, RestDoor,
    extract::{Path, Query},
};
use crate::core::Caller;

pub(super) fn routes() -> OpenApiRouter<RestDoor> {
    OpenApiRouter::new()
        .routes(routes!(contacts))
        .routes(routes!(request_contact, remove_contact))
        .routes(routes!(accept_contact))
        .routes(routes!(decline_contact))
        .routes(routes!(blocks))
        .routes(routes!(block, unblock))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ContactsQuery {
    /// `contact`, `outgoing` or `incoming`; all, by default.
    state: Option<ContactState>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 100; 30 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// The caller's contacts and requests, by user id.
#[utoipa::path(get, path = "/v1/contacts", operation_id = "contacts", tag = "contacts",
    params(ContactsQuery),
    responses((status = 200, body = ContactsPage)))]
async fn contacts(
    State(door): State<RestDoor>,
    caller: Caller,
    Query(ContactsQuery { state, cursor, limit }): Query<ContactsQuery>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Contacts(Contacts { state, cursor, limit })).await
}

/// Asks somebody to be a contact; who was asked by them already accepts.
#[utoipa::path(put, path = "/v1/contacts/{user}", operation_id = "request_contact",
    tag = "contacts", params(("user" = UserId, Path)),
    responses((status = 200, body = Standing)))]
async fn request_contact(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(user): Path<UserId>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::RequestContact(RequestContact { user })).await
}

/// Ends a contact, or takes a request back.
#[utoipa::path(delete, path = "/v1/contacts/{user}", operation_id = "remove_contact",
    tag = "contacts", params(("user" = UserId, Path)),
    responses((status = 200, body = Empty)))]
async fn remove_contact(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(user): Path<UserId>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::RemoveContact(RemoveContact { user })).await
}

/// Accepts somebody's request.
#[utoipa::path(post, path = "/v1/contacts/{user}/accept", operation_id = "accept_contact",
    tag = "contacts", params(("user" = UserId, Path)),
    responses((status = 200, body = Empty)))]
async fn accept_contact(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(user): Path<UserId>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::AcceptContact(AcceptContact { user })).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeclineQuery {
    /// That user's later requests are refused, until the caller asks them.
    #[serde(default)]
    for_good: bool,
}

/// Declines somebody's request.
#[utoipa::path(post, path = "/v1/contacts/{user}/decline", operation_id = "decline_contact",
    tag = "contacts", params(("user" = UserId, Path), DeclineQuery),
    responses((status = 200, body = Empty)))]
async fn decline_contact(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(user): Path<UserId>,
    Query(DeclineQuery { for_good }): Query<DeclineQuery>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::DeclineContact(DeclineContact { user, for_good })).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct BlocksQuery {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 100; 30 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// The people whom the caller blocks, by user id.
#[utoipa::path(get, path = "/v1/blocks", operation_id = "blocks", tag = "contacts",
    params(BlocksQuery),
    responses((status = 200, body = UsersPage)))]
async fn blocks(
    State(door): State<RestDoor>,
    caller: Caller,
    Query(BlocksQuery { cursor, limit }): Query<BlocksQuery>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Blocks(Blocks { cursor, limit })).await
}

/// Blocks somebody: no direct messages, no requests, no contact between the two.
#[utoipa::path(put, path = "/v1/blocks/{user}", operation_id = "block", tag = "contacts",
    params(("user" = UserId, Path)),
    responses((status = 200, body = Empty)))]
async fn block(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(user): Path<UserId>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Block(Block { user })).await
}

/// Lifts a block.
#[utoipa::path(delete, path = "/v1/blocks/{user}", operation_id = "unblock", tag = "contacts",
    params(("user" = UserId, Path)),
    responses((status = 200, body = Empty)))]
async fn unblock(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(user): Path<UserId>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Unblock(Unblock { user })).await
}
