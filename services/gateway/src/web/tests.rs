//! What each address answers, over the router itself.

use std::fs;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, Response, StatusCode},
    routing::get,
};
use tower::ServiceExt as _;

use super::{Config, LoadError, WebClient};

const FILES: [(&str, &str); 5] = [
    ("index.html", "<!doctype html>"),
    ("index.html.br", "br of index"),
    ("assets/app-1a2b.js", "let a;"),
    ("assets/app-1a2b.js.gz", "gz of app"),
    ("sw.js", "self.x;"),
];

fn built() -> (tempfile::TempDir, Router) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("assets")).expect("made");
    for (name, text) in FILES {
        fs::write(folder.path().join(name), text).expect("written");
    }
    let config = Config { folder: folder.path().display().to_string(), ..Config::default() };
    (folder, router(&config))
}

fn router(config: &Config) -> Router {
    let router = Router::new().route("/v1/known", get(async || "known"));
    super::behind(router, WebClient::load(config).expect("loads"))
}

async fn ask(router: &Router, method: Method, path: &str, header: (&str, &str)) -> Response<Body> {
    let request = Request::builder().method(method).uri(path).header(header.0, header.1);
    let request = request.body(Body::empty()).expect("a request");
    router.clone().oneshot(request).await.expect("infallible")
}

async fn fetch(router: &Router, path: &str) -> Response<Body> {
    ask(router, Method::GET, path, ("accept-encoding", "identity")).await
}

async fn text(response: Response<Body>) -> String {
    let bytes = to_bytes(response.into_body(), 1_000_000).await.expect("a body");
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test]
async fn addresses_of_the_clients_router_get_the_document_and_those_of_doors_do_not() {
    let (_folder, router) = built();
    for path in ["/", "/index.html", "/r/0198", "/settings", "/v1x", "/examplesx"] {
        let response = fetch(&router, path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&response, "cache-control"), "no-cache", "{path}");
        assert_eq!(text(response).await, "<!doctype html>", "{path}");
    }
    let foreign = ["/v1", "/v1/x", "/socket.io/", "/socket.io/x", "/examples/x", "/.well-known/x"];
    for path in foreign.into_iter().chain(["/assets/old-9f.js", "/assets/x", "/favicon.ico"]) {
        let response = fetch(&router, path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(text(response).await.contains("\"not_found\""), "{path}");
    }
    assert_eq!(text(fetch(&router, "/v1/known").await).await, "known");
    let posted = ask(&router, Method::POST, "/", ("a", "b")).await;
    assert_eq!(posted.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn assets_stay_and_documents_are_revalidated() {
    let (_folder, router) = built();
    let asset = fetch(&router, "/assets/app-1a2b.js").await;
    assert_eq!(header(&asset, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header(&asset, "content-type"), "text/javascript; charset=utf-8");
    assert_eq!(header(&fetch(&router, "/sw.js").await, "cache-control"), "no-cache");

    let first = fetch(&router, "/").await;
    let etag = header(&first, "etag").to_owned();
    let again =
        ask(&router, Method::GET, "/", ("if-none-match", &format!("\"x\", W/{etag}"))).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(header(&again, "etag"), etag);
    assert_eq!(text(again).await, "");
}

#[tokio::test]
async fn prepared_encodings_are_used_where_they_are_taken() {
    let (_folder, router) = built();
    let ask = async |path, accepted| {
        let response = ask(&router, Method::GET, path, ("accept-encoding", accepted)).await;
        assert_eq!(header(&response, "vary"), "Accept-Encoding");
        (header(&response, "content-encoding").to_owned(), text(response).await)
    };
    let plain = |text: &str| (String::new(), text.to_owned());
    assert_eq!(ask("/", "gzip, br").await, ("br".to_owned(), "br of index".to_owned()));
    assert_eq!(ask("/", "gzip, br;q=0").await, plain("<!doctype html>"));
    let script = "/assets/app-1a2b.js";
    assert_eq!(ask(script, "gzip, br").await, ("gzip".to_owned(), "gz of app".to_owned()));
    assert_eq!(ask(script, "").await, plain("let a;"));
}

#[tokio::test]
async fn the_policy_lets_no_script_into_the_page() {
    let (_folder, router) = built();
    for path in ["/", "/sw.js"] {
        let response = fetch(&router, path).await;
        let policy = header(&response, "content-security-policy");
        for wanted in
            ["script-src 'self';", "require-trusted-types-for 'script'", "base-uri 'none'"]
        {
            assert!(policy.contains(wanted), "{path}: {wanted}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let (_folder, router) = built();
    let response = ask(&router, Method::HEAD, "/", ("accept-encoding", "identity")).await;
    assert_eq!(header(&response, "content-length"), "15");
    assert_eq!(text(response).await, "");
}

#[cfg(not(feature = "web-client"))]
#[tokio::test]
async fn without_a_built_client_the_root_says_how_to_get_it() {
    let router = router(&Config::default());
    let response = fetch(&router, "/").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(header(&response, "content-security-policy").starts_with("default-src 'none'"));
    assert!(text(response).await.contains("make run"));
    assert_eq!(fetch(&router, "/elsewhere").await.status(), StatusCode::NOT_FOUND);
}

#[test]
fn a_folder_without_a_client_is_refused_and_a_disabled_client_reads_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |path: &str| Config { folder: path.to_owned(), ..Config::default() };
    let path = folder.path().display().to_string();
    assert!(matches!(WebClient::load(&at(&path)), Err(LoadError::NoIndex { .. })));
    assert!(matches!(WebClient::load(&at("/does/not/exist")), Err(LoadError::Read { .. })));
    let disabled = Config { enabled: false, ..at("/does/not/exist") };
    assert!(WebClient::load(&disabled).expect("reads nothing").is_none());
}
