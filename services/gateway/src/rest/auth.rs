//! Getting in and staying in: accounts, guests, logins, and the keys that tokens are checked with.
//! Answers with secrets are never to be kept by anything in between.

use axum::{
    Json,
    extract::State,
    http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
    response::{IntoResponse, Response},
};
use hubbub_client_protocol::{Command, Empty, GrantView, Logout, LogoutEverywhere, Reply};
use hubbub_domain::Fault;
use hubbub_proto::identity::v1 as wire;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Refused, RestDoor, extract::Body};
use crate::{core::Caller, edge::ClientAddress, metrics, people};

pub(super) fn routes() -> OpenApiRouter<RestDoor> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(create_guest))
        .routes(routes!(refresh_login))
        .routes(routes!(logout))
        .routes(routes!(logout_everywhere))
        .routes(routes!(change_password))
        .routes(routes!(keys))
}

/// Tokens, for nobody but who asked.
struct Secret(GrantView);

impl IntoResponse for Secret {
    fn into_response(self) -> Response {
        let mut response = Json(self.0).into_response();
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// Counts a request that is no command, and makes its answer.
fn granted(
    name: &'static str,
    outcome: Result<Option<wire::Grant>, Fault>,
) -> Result<Secret, Refused> {
    let outcome = outcome.and_then(people::grant);
    let code = outcome.as_ref().map_or_else(|fault| fault.code.as_str(), |_| "ok");
    metrics::request(name, code);
    outcome.map(Secret).map_err(Refused)
}

/// A new account.
#[derive(Deserialize, ToSchema)]
struct NewAccount {
    /// 2 to 32 letters, digits, and `-`, `_` or `.` between them. It cannot be changed.
    name: String,
    /// 8 to 256 characters.
    password: String,
    /// What others see; the name, by default.
    #[serde(default)]
    display_name: String,
}

/// Makes an account and logs in. `conflict` when the name is taken, reserved, or looks like another.
#[utoipa::path(post, path = "/v1/auth/register", operation_id = "register", tag = "auth",
    request_body = NewAccount, security(()),
    responses((status = 200, body = GrantView)))]
async fn register(
    State(door): State<RestDoor>,
    ClientAddress(address): ClientAddress,
    Body(NewAccount { name, password, display_name }): Body<NewAccount>,
) -> Result<Secret, Refused> {
    let client_address = address.to_string();
    let request = wire::RegisterRequest { name, password, display_name, client_address };
    let answer = door.core.backends.register(request).await;
    granted("register", answer.map(|answer| answer.grant))
}

/// Who wants to log in.
#[derive(Deserialize, ToSchema)]
struct Login {
    name: String,
    password: String,
}

/// Logs in. An unknown name and a wrong password look the same.
#[utoipa::path(post, path = "/v1/auth/login", operation_id = "login", tag = "auth",
    request_body = Login, security(()),
    responses((status = 200, body = GrantView)))]
async fn login(
    State(door): State<RestDoor>,
    ClientAddress(address): ClientAddress,
    Body(Login { name, password }): Body<Login>,
) -> Result<Secret, Refused> {
    let request = wire::LoginRequest { name, password, client_address: address.to_string() };
    let answer = door.core.backends.login(request).await;
    granted("login", answer.map(|answer| answer.grant))
}

/// A new guest.
#[derive(Deserialize, ToSchema)]
struct NewGuest {
    /// As for an account's name; a random one, by default.
    #[serde(default)]
    nickname: String,
}

/// Makes a guest and logs in. A guest ends by itself: `expires_at` says when.
#[utoipa::path(post, path = "/v1/auth/guest", operation_id = "create_guest", tag = "auth",
    request_body = NewGuest, security(()),
    responses((status = 200, body = GrantView)))]
async fn create_guest(
    State(door): State<RestDoor>,
    ClientAddress(address): ClientAddress,
    Body(NewGuest { nickname }): Body<NewGuest>,
) -> Result<Secret, Refused> {
    let request = wire::CreateGuestRequest { nickname, client_address: address.to_string() };
    let answer = door.core.backends.create_guest(request).await;
    granted("create_guest", answer.map(|answer| answer.grant))
}

/// What a login is renewed by.
#[derive(Deserialize, ToSchema)]
struct Renewal {
    refresh_token: String,
}

/// Gives new tokens for a refresh token, once. A token that comes again later was stolen: its login
/// ends.
#[utoipa::path(post, path = "/v1/auth/refresh", operation_id = "refresh_login", tag = "auth",
    request_body = Renewal, security(()),
    responses((status = 200, body = GrantView)))]
async fn refresh_login(
    State(door): State<RestDoor>,
    Body(Renewal { refresh_token }): Body<Renewal>,
) -> Result<Secret, Refused> {
    let answer = door.core.backends.refresh(wire::RefreshRequest { refresh_token }).await;
    granted("refresh_login", answer.map(|answer| answer.grant))
}

/// Ends the login this token belongs to.
#[utoipa::path(post, path = "/v1/auth/logout", operation_id = "logout", tag = "auth",
    responses((status = 200, body = Empty)))]
async fn logout(State(door): State<RestDoor>, caller: Caller) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::Logout(Logout {})).await
}

/// Ends all of the caller's logins, on every device, at once.
#[utoipa::path(post, path = "/v1/auth/logout_everywhere", operation_id = "logout_everywhere",
    tag = "auth", responses((status = 200, body = Empty)))]
async fn logout_everywhere(
    State(door): State<RestDoor>,
    caller: Caller,
) -> Result<Json<Reply>, Refused> {
    door.execute(&caller, Command::LogoutEverywhere(LogoutEverywhere {})).await
}

/// Another password.
#[derive(Deserialize, ToSchema)]
struct Passwords {
    old_password: String,
    /// 8 to 256 characters.
    new_password: String,
}

/// Sets another password. All logins end; the answer is a new one.
#[utoipa::path(put, path = "/v1/auth/password", operation_id = "change_password", tag = "auth",
    request_body = Passwords,
    responses((status = 200, body = GrantView)))]
async fn change_password(
    State(door): State<RestDoor>,
    ClientAddress(address): ClientAddress,
    caller: Caller,
    Body(Passwords { old_password, new_password }): Body<Passwords>,
) -> Result<Secret, Refused> {
    door.core.rates.admit_other(caller.id())?;
    let request = wire::ChangePasswordRequest {
        actor_id: caller.id().to_string(),
        old_password,
        new_password,
        client_address: address.to_string(),
    };
    let answer = door.core.backends.change_password(request).await;
    granted("change_password", answer.map(|answer| answer.grant))
}

/// A JWK set (RFC 7517 section 5).
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what identity answers")]
struct KeySet {
    /// Objects as in RFC 7517 section 4.
    keys: Vec<serde_json::Value>,
}

/// The public keys that tokens of this cluster are checked with (a JWK set, RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", operation_id = "keys", tag = "auth",
    security(()),
    responses((status = 200, content_type = "application/jwk-set+json", body = KeySet)))]
async fn keys(State(door): State<RestDoor>) -> Result<Response, Refused> {
    let answer = door.core.backends.get_keys(wire::GetKeysRequest {}).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json")),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=60")),
    ];
    Ok((headers, answer.jwks).into_response())
}
