//! The caller's own profile, and those of others.

use axum::{Json, extract::State};
use hubbub_client_protocol::{
    Command, Me, MeView, Profiles, Reply, SearchUsers, UpdateMe, UserView, UsersPage,
};
use hubbub_domain::{Code, Fault, UserId};
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
        .routes(routes!(me, update_me))
        .routes(routes!(search_users))
        .routes(routes!(profiles))
        .routes(routes!(get_user))
}

/// The caller.
#[utoipa::path(get, path = "/v1/me", operation_id = "me", tag = "people",
    responses((status = 200, body = MeView)))]
async fn me(State(door): State<RestDoor>, caller: Caller) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Me(Me {})).await
}

/// Changes the caller's profile.
#[utoipa::path(patch, path = "/v1/me", operation_id = "update_me", tag = "people",
    request_body = UpdateMe,
    responses((status = 200, body = MeView)))]
async fn update_me(
    State(door): State<RestDoor>,
    caller: Caller,
    Body(update): Body<UpdateMe>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::UpdateMe(update)).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct UsersQuery {
    /// What the name starts with, however it is typed.
    prefix: String,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 100; 30 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// People by name.
#[utoipa::path(get, path = "/v1/users", operation_id = "users", tag = "people", params(UsersQuery),
    responses((status = 200, body = UsersPage)))]
async fn search_users(
    State(door): State<RestDoor>,
    caller: Caller,
    Query(UsersQuery { prefix, cursor, limit }): Query<UsersQuery>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::SearchUsers(SearchUsers { prefix, cursor, limit })).await
}

/// Whose profiles.
#[derive(Deserialize, ToSchema)]
struct Users {
    /// At most 200.
    users: Vec<UserId>,
}

/// Profiles of many, without those nobody has heard of.
#[utoipa::path(post, path = "/v1/users/profiles", operation_id = "profiles", tag = "people",
    request_body = Users,
    responses((status = 200, body = UsersPage)))]
async fn profiles(
    State(door): State<RestDoor>,
    caller: Caller,
    Body(Users { users }): Body<Users>,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Profiles(Profiles { users })).await
}

/// One profile.
#[utoipa::path(get, path = "/v1/users/{user}", operation_id = "get_user", tag = "people",
    params(("user" = UserId, Path)),
    responses((status = 200, body = UserView)))]
async fn get_user(
    State(door): State<RestDoor>,
    caller: Caller,
    Path(user): Path<UserId>,
) -> Result<Json<Reply>, Refused> {
    let Json(reply) =
        door.execute(&caller, Command::Profiles(Profiles { users: vec![user] })).await?;
    let Reply::Users(UsersPage { mut users, .. }) = reply else {
        return Err(Fault::new(Code::Internal, "an internal answer is malformed").into());
    };
    let user = users.pop().ok_or_else(|| Fault::new(Code::NotFound, "no such person"))?;
    Ok(Json(Reply::User(Box::new(user))))
}
