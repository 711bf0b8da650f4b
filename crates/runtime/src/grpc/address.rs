//! One address of a service: its channel, and what its calls tell of its health.

use std::{error::Error as _, net::SocketAddr, sync::Arc, time::Instant};

use http::{Request, Response};
use tonic::{
    Code, Status,
    body::Body,
    transport::{Channel, Endpoint},
};
use tower::{Service as _, ServiceExt as _};

use super::{
    GrpcClientConfig, connector::Connector, deadline, ejection::Ejection, metrics, rendezvous,
    resend::Unsent, server, tls::Tls,
};
use crate::lifecycle::causes;

/// How often a call meets a connection that is just being closed before that counts as a failure.
const RESENDS_MAX: u32 = 3;

pub(super) struct Address {
    pub(super) socket: SocketAddr,
    pub(super) identity: u64,
    pub(super) ejection: Ejection,
    channel: Channel,
}

impl Address {
    /// Connects at the first call, and again whenever the connection was lost.
    pub(super) fn new(
        socket: SocketAddr,
        config: &GrpcClientConfig,
        tls: Option<&Arc<Tls>>,
    ) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{socket}"))
            .expect("a socket address makes a URI")
            .connect_timeout(config.connect_timeout)
            .tcp_keepalive(Some(config.keepalive_interval))
            .http2_keep_alive_interval(config.keepalive_interval)
            .keep_alive_timeout(config.keepalive_timeout)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(server::STREAM_WINDOW_BYTES)
            .initial_connection_window_size(server::CONNECTION_WINDOW_BYTES);
        let channel = match tls {
            None => endpoint.connect_lazy(),
            Some(tls) => endpoint.connect_with_connector_lazy(Connector::new(socket, config, tls)),
        };
        Self {
            socket,
            identity: rendezvous::identity(&socket.to_string()),
            ejection: Ejection::new(config.ejection_min, config.ejection_max),
            channel,
        }
    }

    /// Sends a call and learns from what becomes of it.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        match self.transmit(request).await {
            Ok(response) if is_unavailable(&response) => {
                self.failed();
                Ok(response)
            }
            Ok(response) => {
                self.ejection.succeeded();
                Ok(response)
            }
            Err(error) if timed_out(&error) => {
                self.failed();
                Err(deadline::exceeded())
            }
            Err(error) => {
                self.failed();
                tracing::debug!(address = %self.socket, error = causes(&error), "a call failed");
                Err(Status::unavailable(format!("{} cannot be reached", self.socket)))
            }
        }
    }

    /// No answer within the deadline, or none that was one.
    pub(super) fn failed(&self) {
        if self.ejection.failed(Instant::now()) {
            metrics::ejected(&self.socket.to_string());
        }
    }

    async fn transmit(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Body>, tonic::transport::Error> {
        let call = Unsent::new(request);
        let mut resends = 0;
        loop {
            let mut channel = self.channel.clone();
            let result = channel.ready().await?.call(call.request()).await;
            match result {
                Err(error) if resends < RESENDS_MAX && call.survived(&error) => resends += 1,
                result => return result,
            }
        }
    }
}

/// tonic's own clock for the same `grpc-timeout` was faster than ours.
fn timed_out(error: &tonic::transport::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<tonic::TimeoutExpired>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn is_unavailable(response: &Response<Body>) -> bool {
    Status::from_header_map(response.headers()).is_some_and(|s| s.code() == Code::Unavailable)
}
