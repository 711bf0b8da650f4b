//! One file as a response: its representation, whether the client has it already, and how long it
//! may be kept.

use axum::{
    body::Body as ResponseBody,
    extract::Request,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
            ETAG, HeaderName, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::Response,
};

use super::{
    files::{Body, File},
    policy,
};

const HTML: &str = "text/html; charset=utf-8";
/// A name with a hash of its content: it never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";
/// Kept, but asked for again each time.
const REVALIDATED: &str = "no-cache";

/// Answers `GET` and `HEAD`.
pub(super) fn file(file: &File, request: &Request) -> Response {
    let (body, encoding) = representation(file, request.headers());
    let mut response = Response::new(ResponseBody::empty());
    let headers = response.headers_mut();
    let kind = kind(&file.name);
    for (name, value) in common(file, kind) {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let etag = HeaderValue::try_from(&body.etag).expect("hexadecimal in quotes is a header value");
    headers.insert(ETAG, etag);
    if is_known(request.headers(), &body.etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.bytes.len()));
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if request.method() == Method::GET {
        *response.body_mut() = ResponseBody::from(body.bytes.clone());
    }
    response
}

fn common(file: &File, kind: &'static str) -> Vec<(HeaderName, &'static str)> {
    let kept = if file.name.starts_with("assets/") { FOREVER } else { REVALIDATED };
    let mut headers = vec![
        (CACHE_CONTROL, kept),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    if !file.encoded.is_empty() {
        headers.push((VARY, "Accept-Encoding"));
    }
    // Workers take their policy from their own response, so scripts carry it as well.
    match kind {
        HTML if file.name == "absent.html" => {
            headers.push((CONTENT_SECURITY_POLICY, policy::ABSENT));
        }
        _ => headers.push((CONTENT_SECURITY_POLICY, policy::CLIENT)),
    }
    headers
}

fn representation<'a>(file: &'a File, headers: &HeaderMap) -> (&'a Body, Option<&'static str>) {
    let accepted = file.encoded.iter().find(|(encoding, _)| encoding.is_accepted(headers));
    match accepted {
        Some((encoding, body)) => (body, Some(encoding.name())),
        None => (&file.plain, None),
    }
}

/// `If-None-Match` compares weakly (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag)
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => HTML,
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
