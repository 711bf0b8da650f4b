//! One accepted connection, as seen from its requests and from the socket it may become.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::metrics;

/// Held by everything that keeps a connection open, and counted until the last holder is gone. The
/// listener puts it among the extensions of each request.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    peer: SocketAddr,
    accepted_at: Instant,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// The other end of the TCP connection: a proxy's address if one stands in front.
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// Says that the handshake is over and this is a WebSocket now.
    pub(crate) fn upgraded(&self) {
        metrics::upgraded(self.0.accepted_at.elapsed());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        metrics::closed();
    }
}

/// Counts the open connections of a listener, and waits for their end: what a drain needs to know.
#[derive(Clone, Debug)]
pub struct OpenConnections {
    places: Arc<Semaphore>,
    max: u32,
}

impl OpenConnections {
    pub(super) fn new(max: u32) -> Self {
        Self { places: Arc::new(Semaphore::new(max as usize)), max }
    }

    /// Takes a place; `None` if there is none left.
    pub(super) fn enter(&self, peer: SocketAddr) -> Option<Connection> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        metrics::opened();
        Some(Connection(Arc::new(Inner { peer, accepted_at: Instant::now(), _place: place })))
    }

    /// How many are open now, upgraded ones included.
    pub fn count(&self) -> usize {
        self.max as usize - self.places.available_permits()
    }

    /// Waits until all are closed. For a listener that has stopped accepting: while anybody waits
    /// here, nobody else gets a place.
    pub async fn closed(&self) {
        // An error would mean that the semaphore was closed, which nobody does.
        let _all_places = self.places.acquire_many(self.max).await;
    }
}
