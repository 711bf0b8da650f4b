//! The one shape of a refusal that is answered over HTTP:
//! `{"error": {"code", "message", "retryable", "retry_after_ms"?}}`, with `Retry-After` where that is known and
//! `WWW-Authenticate` where a token is missing (RFC 9110 section 11.6.1).

use axum::{
    Json, Router,
    http::{
        HeaderValue, Method, StatusCode, Uri,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use hubbub_client_protocol::ErrorBody;
use hubbub_domain::{Code, Fault};

/// Answers `status` with the fault as its body.
pub fn refuse(status: StatusCode, fault: &Fault) -> Response {
    let mut response = (status, Json(ErrorBody { error: fault.into() })).into_response();
    if let Some(delay) = fault.retry_after {
        // Whole seconds, rounded up: coming back early would be refused again.
        let seconds = delay.as_millis().div_ceil(1_000).max(1);
        let value = HeaderValue::try_from(seconds.to_string()).expect("digits are a header value");
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Has the router refuse what it has no route for as everything else is refused.
pub(crate) fn refusing(router: Router) -> Router {
    router
        .fallback(|uri: Uri| async move { no_such_path(uri.path()) })
        .method_not_allowed_fallback(no_such_method)
}

/// Answers a path that no route has.
pub(crate) fn no_such_path(path: &str) -> Response {
    let path: String = path.chars().take(NAMED_CHARS_MAX).collect();
    refuse(StatusCode::NOT_FOUND, &Fault::new(Code::NotFound, format!("there is no path {path:?}")))
}

/// Answers a method that the path's routes do not have; `Allow` names those they have.
async fn no_such_method(method: Method) -> Response {
    let method: String = method.as_str().chars().take(NAMED_CHARS_MAX).collect();
    let fault = Fault::bad_request(format!("the path does not take the method {method}"));
    refuse(StatusCode::METHOD_NOT_ALLOWED, &fault)
}

/// How much of a client's own words is repeated to it.
const NAMED_CHARS_MAX: usize = 120;
