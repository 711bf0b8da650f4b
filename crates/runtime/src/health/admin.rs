//! The listener for operators and their tools: `/healthz`, `/readyz`, `/metrics`. It is not for
//! clients, and it goes on answering while the process drains.
//!
//! A connection is for one request and ends within [`CONNECTION_TIMEOUT`], whatever its client does.

use std::time::Duration;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::server::conn::http1::Builder;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{MetricsPage, Readiness};
use crate::{
    lifecycle::Lifecycle,
    listen::accept,
    shares::{Bounds, Shares},
};

/// From accepting a connection to the end of its answer. Then: closed.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Open connections. At the bound: closed without a response.
const CONNECTIONS: Bounds = Bounds { total: 256, per_address: 64 };
/// The head of a request. At the bound: 431.
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// What `/readyz` calls the condition of a process that was asked to end.
const DRAINING: &str = "draining";

/// Serves until the given stage drains; give it a stage [behind](Lifecycle::behind) all others.
/// `draining` is the token of the first stage, which is what `/readyz` reports.
pub fn serve_admin(
    listener: TcpListener,
    readiness: Readiness,
    page: MetricsPage,
    lifecycle: &Lifecycle,
) -> impl Future<Output = std::io::Result<()>> + Send + use<> {
    let stage = lifecycle.drain.clone();
    let draining = lifecycle.first_drain().clone();
    let upkeep = page.clone();
    let app = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Admin { readiness, draining, page })
        .layer(middleware::from_fn(nosniff));
    async move {
        tokio::select! {
            () = serve(listener, app, stage) => {}
            () = upkeep.kept() => {}
        }
        Ok(())
    }
}

/// Answers until `ended`, then finishes what has begun.
async fn serve(listener: TcpListener, app: Router, ended: CancellationToken) {
    let places = Shares::new(CONNECTIONS);
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            stream = accept(&listener) => stream,
            Some(_ended) = connections.join_next() => continue,
            () = ended.cancelled() => break,
        };
        let place = stream.peer_addr().ok().and_then(|peer| places.take(peer.ip(), 1).ok());
        let Some(place) = place else { continue };
        let app = app.clone();
        connections.spawn(async move {
            // A client that is slow or gone is no matter of ours.
            let _outcome = timeout(CONNECTION_TIMEOUT, answer(stream, app)).await;
            drop(place);
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn answer(stream: TcpStream, app: Router) -> Result<(), hyper::Error> {
    Builder::new()
        .keep_alive(false)
        .max_header_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
        .await
}

async fn nosniff(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let value = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, value);
    response
}

#[derive(Clone)]
struct Admin {
    readiness: Readiness,
    draining: CancellationToken,
    page: MetricsPage,
}

/// 200, or 503 with the names of what is missing.
async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    let mut missing = admin.readiness.missing();
    if admin.draining.is_cancelled() {
        missing.push(DRAINING);
    }
    if missing.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", missing.join(", ")))
}

/// The Prometheus text format, version 0.0.4.
async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], admin.page.render())
}
