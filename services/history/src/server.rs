//! The service as a process: a listener around [`History`].

use std::{net::SocketAddr, sync::Arc};

use hubbub_bus::Bus;
use hubbub_domain::Clock;
use hubbub_proto::FILE_DESCRIPTOR_SET;
use hubbub_runtime::{grpc, lifecycle::Lifecycle};
use tokio::net::TcpListener;

use crate::{
    Config, History,
    store::{self, StoreError},
};

/// A listening server. It runs, and ends, with its lifecycle.
pub struct Server {
    history: History,
    local_addr: SocketAddr,
}

impl Server {
    /// Opens the store, listens, and serves. Calls are drained first, then the writers.
    pub async fn bind(
        config: &Config,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        lifecycle: &Lifecycle,
    ) -> Result<Self, BindError> {
        config.validate().map_err(BindError::Config)?;
        let store = store::open(config).await?;
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|error| BindError::Listen(config.listen, error))?;
        let local_addr =
            listener.local_addr().map_err(|error| BindError::Listen(config.listen, error))?;

        let history = History::start(config, store, bus, clock, &lifecycle.behind());
        let services = history.services_until(lifecycle.drain.clone());
        let routes = services.with_reflection(FILE_DESCRIPTOR_SET);
        lifecycle.spawn("history_grpc", grpc::serve(listener, routes, &config.grpc, lifecycle));
        tracing::info!(%local_addr, "the history service listens");
        Ok(Self { history, local_addr })
    }

    /// Where it listens; with port 0 in the configuration, the port it got.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The service itself, for readiness.
    pub fn history(&self) -> &History {
        &self.history
    }
}

/// Why the service could not start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("the configuration does not hold: {0}")]
    Config(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
}
