//! The examples of `examples/socketio/`, under `/examples/`, and the stock client they load, at the
//! address where a Node server has it: `/socket.io/socket.io.js`. All of it is in the binary, so that a
//! debug and a release build serve the same, and nothing is fetched from elsewhere at run time.

use axum::{
    Router,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

macro_rules! files {
    ($($name:literal: $kind:expr,)+) => {
        [$((
            concat!("/examples/", $name),
            $kind,
            include_str!(concat!("../../../examples/socketio/", $name)),
        )),+]
    };
}

const PAGES: [(&str, &str, &str); 9] = files! {
    "broadcast.html": HTML,
    "lobby.html": HTML,
    "private.html": HTML,
    "rooms.html": HTML,
    "messenger.html": HTML,
    "index.html": HTML,
    "messenger.js": SCRIPT,
    "page.js": SCRIPT,
    "style.css": STYLE,
};

/// The build of the npm package `socket.io-client`, as it is in `examples/socketio/vendor`.
const CLIENT: &str = include_str!("../../../examples/socketio/vendor/socket.io.min.js");

/// Pages run their own scripts, also those written into them, and nobody else's.
const POLICY: &str = "default-src 'self'; script-src 'self' 'unsafe-inline'; \
    connect-src 'self' ws: wss:; img-src 'self' blob:; frame-ancestors 'none'";

/// The routes of the pages.
pub(crate) fn pages() -> Router {
    let index = || async { Redirect::permanent("/examples/index.html") };
    let routes = Router::new().route("/examples", get(index)).route("/examples/", get(index));
    PAGES.into_iter().fold(routes, |routes, (path, kind, text)| {
        routes.route(path, get(move || async move { file(kind, text) }))
    })
}

/// The routes of the stock client.
pub(crate) fn client() -> Router {
    let client = || async { file(SCRIPT, CLIENT) };
    Router::new()
        .route("/socket.io/socket.io.js", get(client))
        .route("/socket.io/socket.io.min.js", get(client))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
