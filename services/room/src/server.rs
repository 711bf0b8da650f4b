//! The room service as a process of its own: the only place here that puts the parts together.

use std::{net::SocketAddr, sync::Arc};

use hubbub_bus::Bus;
use hubbub_domain::Clock;
use hubbub_proto::FILE_DESCRIPTOR_SET;
use hubbub_runtime::{grpc, lifecycle::Lifecycle};
use tokio::net::TcpListener;

use crate::{
    config::Config,
    error::StoreError,
    rooms::{Peers, Ports, Rooms},
    store,
};

/// A listening server. It runs, and ends, with its lifecycle.
pub struct Server {
    rooms: Rooms,
    local_addr: SocketAddr,
}

impl Server {
    /// Opens the store, listens, and serves. Calls are drained first, then the background tasks.
    pub async fn bind(
        config: &Config,
        bus: Arc<dyn Bus>,
        peers: Peers,
        clock: Arc<dyn Clock>,
        lifecycle: &Lifecycle,
    ) -> Result<Self, BindError> {
        config.validate().map_err(BindError::Config)?;
        let store = store::open(config).await?;
        let listening = async {
            let listener = TcpListener::bind(config.listen).await?;
            let local_addr = listener.local_addr()?;
            Ok((listener, local_addr))
        };
        let (listener, local_addr) =
            listening.await.map_err(|error| BindError::Listen(config.listen, error))?;

        let ports = Ports { store, bus, peers, clock };
        let rooms = Rooms::start(config, ports, &lifecycle.behind());
        let routes = rooms.services().with_reflection(FILE_DESCRIPTOR_SET);
        lifecycle.spawn("room_grpc", grpc::serve(listener, routes, &config.grpc, lifecycle));
        tracing::info!(%local_addr, "the room service listens");
        Ok(Self { rooms, local_addr })
    }

    /// Where it listens; with port 0 in the configuration, the port it got.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The service itself, for readiness.
    pub fn rooms(&self) -> &Rooms {
        &self.rooms
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
