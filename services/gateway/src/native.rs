//! The native door: JSON over a WebSocket at `GET /v1/connect` (`docs/protocol.md`, part 1).
//!
//! A connection is one task that owns its socket: it reads requests, carries them out one after the
//! other, and writes what its outbox holds. It waits for nothing without a bound.

mod codec;
mod connection;
mod hello;
mod requests;

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::{HeaderMap, header::AUTHORIZATION},
    response::Response,
};
use hubbub_auth::Verifier;
use hubbub_client_protocol::SUBPROTOCOL;
use serde::Deserialize;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

#[cfg(test)]
pub(crate) use codec::NativeCodec;
use connection::Connection;

use crate::{
    core::Core,
    edge::{Admission, ConnectionCaps},
    ws::Upgrade,
};

/// What the native door needs.
#[derive(Clone)]
pub(crate) struct NativeDoor {
    pub(crate) core: Arc<Core>,
    pub(crate) verifier: Verifier,
    pub(crate) caps: ConnectionCaps,
    pub(crate) admission: Arc<Admission>,
    pub(crate) tasks: TaskTracker,
    /// Everything stops at once.
    pub(crate) abort: CancellationToken,
}

/// A browser cannot set headers on a WebSocket.
#[derive(Deserialize)]
pub(crate) struct ConnectQuery {
    access_token: Option<String>,
}

/// `GET /v1/connect`. The token may come here or with `hello`; a bad one is told by a close code,
/// because a page cannot see the status of a refused upgrade.
pub(crate) async fn connect(
    State(door): State<NativeDoor>,
    Query(query): Query<ConnectQuery>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Response {
    let token = bearer(&headers).map(str::to_owned).or(query.access_token);
    let (response, pending) = upgrade.accept(&[SUBPROTOCOL]);
    let tasks = door.tasks.clone();
    tasks.spawn(async move {
        if let Ok(socket) = pending.socket().await {
            // A task of its own, as small as the connection's future: what the upgrade needed is
            // given back before the long wait begins.
            let tasks = door.tasks.clone();
            tasks.spawn(Connection::run(door, socket, token));
        }
    });
    response
}

/// The token of an `Authorization: Bearer` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
