//! The listener for operators and their tools: `/healthz`, `/readyz`, `/metrics`. It is not for
//! clients, and it goes on answering while the process drains.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{MetricsPage, Readiness};
use crate::lifecycle::Lifecycle;

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
        .with_state(Admin { readiness, draining, page });
    async move {
        let ended = stage.clone();
        let serving = axum::serve(listener, app)
            .with_graceful_shutdown(async move { ended.cancelled().await });
        tokio::select! {
            result = serving => result,
            () = upkeep.kept() => Ok(()),
        }
    }
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
