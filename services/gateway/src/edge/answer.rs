//! The one shape of a refusal that is answered over HTTP:
//! `{"error": {"code", "message", "retryable", "retry_after_ms"?}}`, and `Retry-After` where known.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use hubbub_client_protocol::ErrorView;
use hubbub_domain::Fault;
use serde::Serialize;

#[derive(Serialize)]
struct Refusal {
    error: ErrorView,
}

/// Answers `status` with the fault as its body.
pub fn refuse(status: StatusCode, fault: &Fault) -> Response {
    let mut response = (status, Json(Refusal { error: fault.into() })).into_response();
    if let Some(delay) = fault.retry_after {
        // Whole seconds, rounded up: coming back early would be refused again.
        let seconds = delay.as_millis().div_ceil(1_000).max(1);
        let value = HeaderValue::try_from(seconds.to_string()).expect("digits are a header value");
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}
