//! The native door's requests for callers without a socket: REST under `/v1`, described by the
//! OpenAPI document at `/v1/openapi.json`, which is generated from the routes themselves.
//!
//! Every request proves its user by a bearer token and is carried out by the same core as those of
//! connections: same rules, same limits, same answers.

mod auth;
mod chats;
mod contacts;
mod document;
mod extract;
mod messages;
mod people;
mod presence;
mod receipts;
mod rooms;

use std::sync::Arc;

use axum::{
    Json, Router,
    http::header::{CONTENT_TYPE, HeaderValue},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use hubbub_auth::Verifier;
use hubbub_client_protocol::{Command, Reply};
use hubbub_domain::{Code, Fault};
use tracing::Instrument as _;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    core::{Caller, Core},
    edge, metrics,
};

/// What the REST door needs.
#[derive(Clone)]
pub(crate) struct RestDoor {
    pub(crate) core: Arc<Core>,
    pub(crate) verifier: Verifier,
}

/// The routes, and their description among them.
pub(crate) fn router(door: RestDoor) -> Router {
    let (router, document) = described().split_for_parts();
    let document = Bytes::from(document::complete(&document).to_string());
    let json = HeaderValue::from_static("application/json");
    let describe = move || async move { ([(CONTENT_TYPE, json)], document) };
    router.with_state(door).route("/v1/openapi.json", get(describe))
}

fn described() -> OpenApiRouter<RestDoor> {
    OpenApiRouter::with_openapi(document::Description::openapi())
        .merge(rooms::routes())
        .merge(messages::routes())
        .merge(receipts::routes())
        .merge(chats::routes())
        .merge(auth::routes())
        .merge(people::routes())
        .merge(contacts::routes())
        .merge(presence::routes())
}

impl RestDoor {
    /// Carries out a command for a single request.
    async fn execute(&self, caller: &Caller, command: Command) -> Result<Json<Reply>, Refused> {
        let name = command.name();
        let admitted = self.core.rates.admit(caller.id(), &command);
        answer(name, admitted, self.core.execute(caller, command)).await
    }

    /// Carries out a read that is no command.
    async fn read<T>(
        &self,
        caller: &Caller,
        name: &'static str,
        read: impl Future<Output = Result<T, Fault>>,
    ) -> Result<Json<T>, Refused> {
        answer(name, self.core.rates.admit_other(caller.id()), read).await
    }
}

async fn answer<T>(
    name: &'static str,
    admitted: Result<(), Fault>,
    carry_out: impl Future<Output = Result<T, Fault>>,
) -> Result<Json<T>, Refused> {
    let outcome = match admitted {
        Ok(()) => carry_out.instrument(tracing::info_span!("request", command = name)).await,
        Err(fault) => Err(fault),
    };
    let code = outcome.as_ref().map_or_else(|fault| fault.code.as_str(), |_| "ok");
    metrics::request(name, code);
    outcome.map(Json).map_err(Refused)
}

/// A fault as an HTTP answer.
pub(crate) struct Refused(pub(crate) Fault);

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        edge::refuse(status(self.0.code), &self.0)
    }
}

/// The HTTP status of each code; the codes tell more than the statuses do.
const fn status(code: Code) -> axum::http::StatusCode {
    use axum::http::StatusCode;

    match code {
        Code::BadRequest => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::Forbidden | Code::Banned => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Conflict | Code::LimitReached => StatusCode::CONFLICT,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use hubbub_client_protocol::Command;

    use super::described;

    /// Commands that make sense on a connection only.
    const CONNECTION_ONLY: [&str; 3] = ["hello", "ping", "refresh"];

    /// What comes before there is anybody to have a connection, or gives out secrets.
    const REST_ONLY: [&str; 9] = [
        "change_password",
        "create_guest",
        "get_message",
        "get_room",
        "get_user",
        "keys",
        "login",
        "refresh_login",
        "register",
    ];

    #[test]
    fn every_command_has_a_twin() {
        let (_, document) = described().split_for_parts();
        let json = serde_json::to_value(&document).expect("a document is JSON");
        let mut operations: Vec<&str> = json["paths"]
            .as_object()
            .expect("paths")
            .values()
            .flat_map(|path| path.as_object().expect("methods").values())
            .filter_map(|operation| operation["operationId"].as_str())
            .collect();
        operations.sort_unstable();
        let mut commands: Vec<&str> = Command::NAMES.to_vec();
        commands.retain(|name| !CONNECTION_ONLY.contains(name));
        commands.push("unreact");
        commands.extend(REST_ONLY);
        commands.sort_unstable();
        assert_eq!(operations, commands);
    }
}
