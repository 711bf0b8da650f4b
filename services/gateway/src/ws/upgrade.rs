//! The opening handshake (RFC 6455 section 4.2), and the way from hyper to the plain socket.
//!
//! fastwebsockets computes the accept key and waits for hyper; it looks at the key's presence and
//! the version only, so the rest is checked here. No extension is ever agreed on.

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version,
        header::{
            CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
        },
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use fastwebsockets::{
    WebSocketError,
    upgrade::{IncomingUpgrade, UpgradeFut},
};
use hubbub_domain::Fault;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Socket;
use crate::edge::{Connection, refuse};

const VERSION: &str = "13";

/// A valid request for a WebSocket: an extractor for axum handlers.
pub struct Upgrade {
    incoming: IncomingUpgrade,
    /// What the client offers, in its order.
    offered: Vec<HeaderValue>,
    connection: Option<Connection>,
}

impl Upgrade {
    /// Agrees to the upgrade. The response must be returned to the client for the socket to come.
    /// The subprotocol is the first of the client's that is among `protocols`; without one in
    /// common none is named, and it is the client that then decides (section 4.1).
    pub fn accept(self, protocols: &[&'static str]) -> (Response, PendingSocket) {
        let protocol = offered(&self.offered)
            .find_map(|offer| protocols.iter().copied().find(|known| *known == offer));
        let (response, future) = self.incoming.upgrade().expect("it has nothing to fail at");
        let mut response = response.map(Body::new);
        if let Some(protocol) = protocol {
            let headers = response.headers_mut();
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
        }
        (response, PendingSocket { future, protocol, connection: self.connection })
    }

    /// Whether the client offers this subprotocol.
    pub fn offers(&self, protocol: &str) -> bool {
        offered(&self.offered).any(|offer| offer == protocol)
    }
}

fn offered(headers: &[HeaderValue]) -> impl Iterator<Item = &str> {
    headers.iter().filter_map(|header| header.to_str().ok()).flat_map(tokens)
}

/// The elements of a comma-separated header.
fn tokens(header: &str) -> impl Iterator<Item = &str> {
    header.split(',').map(str::trim).filter(|token| !token.is_empty())
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        check(parts)?;
        let incoming = IncomingUpgrade::from_request_parts(parts, state)
            .await
            .map_err(|_| Refusal::NotUpgradable)?;
        let offered = parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().cloned().collect();
        let connection = parts.extensions.get::<Connection>().cloned();
        Ok(Self { incoming, offered, connection })
    }
}

fn check(parts: &Parts) -> Result<(), Refusal> {
    let headers = &parts.headers;
    if parts.method != Method::GET {
        return Err(Refusal::Method);
    }
    if parts.version != Version::HTTP_11 {
        return Err(Refusal::HttpVersion);
    }
    if !has_token(headers, &UPGRADE, "websocket") {
        return Err(Refusal::NoUpgrade);
    }
    if !has_token(headers, &CONNECTION, "upgrade") {
        return Err(Refusal::NoConnectionUpgrade);
    }
    if only(headers, &SEC_WEBSOCKET_VERSION) != Some(VERSION) {
        return Err(Refusal::Version);
    }
    let key = only(headers, &SEC_WEBSOCKET_KEY).and_then(|key| STANDARD.decode(key).ok());
    if key.is_none_or(|key| key.len() != 16) {
        return Err(Refusal::Key);
    }
    Ok(())
}

fn has_token(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.any(|value| tokens(value).any(|token| token.eq_ignore_ascii_case(wanted)))
}

/// The value of a header that must be there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value.trim())
}

/// Why a request is not upgraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("a WebSocket handshake is a GET request")]
    Method,
    #[error("a WebSocket handshake is an HTTP/1.1 request")]
    HttpVersion,
    #[error("this address speaks WebSocket only: no Upgrade header names websocket")]
    NoUpgrade,
    #[error("the Connection header does not name Upgrade")]
    NoConnectionUpgrade,
    #[error("Sec-WebSocket-Version is not 13")]
    Version,
    #[error("Sec-WebSocket-Key is not the base64 of 16 bytes, once")]
    Key,
    #[error("this connection cannot be upgraded")]
    NotUpgradable,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoUpgrade | Self::Version => StatusCode::UPGRADE_REQUIRED,
            _ => StatusCode::BAD_REQUEST,
        };
        let mut response = refuse(status, &Fault::bad_request(self.to_string()));
        if status == StatusCode::UPGRADE_REQUIRED {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
        }
        response
    }
}

/// A socket that comes once hyper has sent the response.
pub struct PendingSocket {
    future: UpgradeFut,
    protocol: Option<&'static str>,
    connection: Option<Connection>,
}

impl PendingSocket {
    /// The subprotocol that was agreed on.
    pub const fn protocol(&self) -> Option<&'static str> {
        self.protocol
    }

    /// Waits for the end of the handshake, which the listener's time-outs bound: if they end it,
    /// so does this. Everything hyper held for the connection is gone afterwards.
    ///
    /// Take it with `let Ok(socket) = pending.socket().await else { … }`: in an `if let` or a
    /// `match` this future's place stays reserved in the task for as long as the socket lives.
    pub async fn socket(self) -> Result<Socket, UpgradeError> {
        let upgraded = self.future.await?.into_inner().into_inner();
        let parts = upgraded
            .downcast::<TokioIo<TcpStream>>()
            .map_err(|_| UpgradeError::ForeignTransport)?;
        if let Some(connection) = &self.connection {
            connection.upgraded();
        }
        Ok(Socket::new(parts.io.into_inner(), &parts.read_buf, self.connection))
    }
}

/// Why an accepted upgrade came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    #[error("the connection ended before its upgrade was complete")]
    Ended(#[from] WebSocketError),
    /// A mistake in the composition: the router is served by another listener than ours.
    #[error("the connection is not a plain TCP stream")]
    ForeignTransport,
}
