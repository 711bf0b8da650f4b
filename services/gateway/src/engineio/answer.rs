//! What HTTP requests are answered, as the reference server answers them: clients read the codes.

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    TransportUnknown,
    SessionUnknown,
    HandshakeMethod,
    BadRequest,
    Forbidden,
    ProtocolVersion,
    TooLarge,
}

impl Refused {
    const fn describe(self) -> (StatusCode, u8, &'static str) {
        match self {
            Self::TransportUnknown => (StatusCode::BAD_REQUEST, 0, "Transport unknown"),
            Self::SessionUnknown => (StatusCode::BAD_REQUEST, 1, "Session ID unknown"),
            Self::HandshakeMethod => (StatusCode::BAD_REQUEST, 2, "Bad handshake method"),
            Self::BadRequest => (StatusCode::BAD_REQUEST, 3, "Bad request"),
            Self::Forbidden => (StatusCode::FORBIDDEN, 4, "Forbidden"),
            Self::ProtocolVersion => (StatusCode::BAD_REQUEST, 5, "Unsupported protocol version"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, 3, "Payload too large"),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, code, message) = self.describe();
        let body = format!("{{\"code\":{code},\"message\":\"{message}\"}}");
        answer(status, "application/json", body)
    }
}

/// The packets of a poll.
pub(super) fn payload(body: String) -> Response {
    answer(StatusCode::OK, "text/plain; charset=UTF-8", body)
}

/// What was posted has arrived.
pub(super) fn posted() -> Response {
    answer(StatusCode::OK, "text/html", "ok".to_owned())
}

pub(super) fn nothing() -> Response {
    answer(StatusCode::NO_CONTENT, "text/plain", String::new())
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
