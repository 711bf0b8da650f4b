//! The room service as a process of its own: the only place here that puts the parts together.

use std::net::SocketAddr;

use hubbub_proto::FILE_DESCRIPTOR_SET;
use hubbub_runtime::{
    grpc::{self, GrpcServerConfig},
    lifecycle::Lifecycle,
};
use tokio::net::TcpListener;

use crate::{
    config::Config,
    rooms::{Ports, Rooms},
};

/// A room service with its listener. Port 0 takes a free one.
pub struct Server {
    rooms: Rooms,
    address: SocketAddr,
}

impl Server {
    /// Serves on `listener` from now on, until `lifecycle` drains. The background tasks go in a
    /// stage behind, so that they still work for the last calls.
    pub fn bind(
        config: &Config,
        ports: Ports,
        (listener, grpc): (TcpListener, &GrpcServerConfig),
        lifecycle: &Lifecycle,
    ) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let rooms = Rooms::start(config, ports, &lifecycle.behind());
        let routes = grpc::with_reflection(rooms.routes(), FILE_DESCRIPTOR_SET);
        lifecycle.spawn("room-grpc", grpc::serve(listener, routes, grpc, lifecycle));
        Ok(Self { rooms, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The service itself, for readiness.
    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }
}
