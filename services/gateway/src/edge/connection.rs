//! One accepted connection, as seen from its requests and from the socket it may become.

use std::{net::SocketAddr, sync::Arc};

/// Held by everything that keeps the connection open; counted until the last holder is gone. The
/// listener puts it among each request's extensions.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    peer: SocketAddr,
}

impl Connection {
    pub fn new(peer: SocketAddr) -> Self {
        Self(Arc::new(Inner { peer }))
    }

    /// The other end of the TCP connection: a proxy's address if one stands in front.
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }
}
