//! A gRPC server around a role's routes: health, limits, deadlines, and an end in two stages.
//!
//! On `drain` the listener is closed, clients are told to go elsewhere (GOAWAY), and calls in flight
//! end; on `abort` every connection is cut. A connection that reached its age is treated the same way,
//! with `connection_age_grace` in between.
//!
//! The size of a message is bounded where its type is known: by the generated server
//! (`max_decoding_message_size`, 4 MiB unless a role says otherwise).

use tokio::net::TcpListener;
use tonic::{service::Routes, transport::Server};
use tonic_health::{ServingStatus, server::HealthReporter};

use super::{
    GrpcServerConfig,
    call::CallLayer,
    connection,
    tls::{Tls, TlsError},
};
use crate::lifecycle::Lifecycle;

/// HTTP/2 windows: large enough that a page of history needs no round trip for more, small enough
/// that [`GrpcServerConfig::streams_max`] of them on a connection stay bounded by the second.
pub(super) const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// The name under which `grpc.health.v1` speaks of the whole server.
const WHOLE_SERVER: &str = "";

/// Serves until the lifecycle drains. Spawn what it returns:
/// `lifecycle.spawn("grpc", grpc::serve(listener, routes, &config, &lifecycle))`.
pub fn serve(
    listener: TcpListener,
    routes: Routes,
    config: &GrpcServerConfig,
    lifecycle: &Lifecycle,
) -> impl Future<Output = Result<(), ServeError>> + Send + use<> {
    let server = builder(config).layer(CallLayer::new(config));
    let tls = Tls::open(&config.tls);
    let config = config.clone();
    let (drain, abort) = (lifecycle.drain.clone(), lifecycle.abort.clone());
    async move {
        let incoming = connection::incoming(listener, &config, tls?, abort);
        let (reporter, health) = tonic_health::server::health_reporter();
        let draining = async {
            drain.cancelled().await;
            stop_serving(reporter).await;
        };
        let mut server = server;
        server
            .add_routes(routes.add_service(health))
            .serve_with_incoming_shutdown(incoming, draining)
            .await
            .map_err(ServeError::Stopped)
    }
}

/// tonic's `max_connection_age_grace` is not used: with it the connection is cut at the end of the
/// grace without ever having been told to go (0.14.9); [`connection`] does the cutting instead.
fn builder(config: &GrpcServerConfig) -> Server {
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(config.streams_max)
        .max_connection_age(config.connection_age_max)
        .http2_keepalive_interval(Some(config.keepalive_interval))
        .http2_keepalive_timeout(Some(config.keepalive_timeout))
        .http2_max_header_list_size(config.header_list_bytes_max)
        .http2_max_pending_accept_reset_streams(Some(config.pending_resets_max))
        .http2_max_local_error_reset_streams(Some(config.pending_resets_max))
}

/// Tells watchers that the server is going, and ends their streams, which would hold up the drain.
async fn stop_serving(mut reporter: HealthReporter) {
    reporter.set_service_status(WHOLE_SERVER, ServingStatus::NotServing).await;
    reporter.clear_service_status(WHOLE_SERVER).await;
}

/// The server could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("grpc.tls")]
    Tls(#[from] TlsError),
    #[error("the gRPC server stopped")]
    Stopped(#[source] tonic::transport::Error),
}
