//! One accepted connection, as seen from its requests and from the socket it may become.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use hubbub_domain::Fault;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    Admission, ClientAddress,
    holdings::{ClientPlace, Unfinished},
    metrics,
};

/// Held by everything that keeps a connection open, and counted until the last holder is gone. The
/// listener puts it among the extensions of each request.
#[derive(Clone, Debug)]
pub struct Connection {
    inner: Arc<Inner>,
    /// Where it is counted for its client: for a proxy's connection each request by itself.
    place: Option<ClientPlace>,
}

#[derive(Debug)]
struct Inner {
    peer: SocketAddr,
    accepted_at: Instant,
    /// Its address was charged for a session when it was accepted.
    paid: AtomicBool,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// The other end of the TCP connection: a proxy's address if one stands in front.
    pub fn peer(&self) -> SocketAddr {
        self.inner.peer
    }

    /// The same connection, counted for a client.
    pub(super) fn of_client(mut self, place: ClientPlace) -> Self {
        self.place = Some(place);
        self
    }

    /// Charges the client's address for the attempt to begin a session. Over a connection of its own the
    /// first was paid when that was accepted.
    pub(super) fn pay(&self, admission: &Admission, client: ClientAddress) -> Result<(), Fault> {
        if self.inner.paid.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        admission.admit_address(client.0)
    }

    /// Says that the handshake is over and this is a WebSocket now.
    pub(crate) fn upgraded(&self) {
        if let Some(place) = &self.place {
            place.upgraded();
        }
        metrics::upgraded(self.inner.accepted_at.elapsed());
    }

    /// Counts for the client what arrives in pieces.
    pub(crate) fn unfinished(&self) -> Option<Unfinished> {
        self.place.as_ref().map(ClientPlace::unfinished)
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

    /// Takes a place; `None` if there is none left. `client` is where the connection is counted, if it is
    /// a client's own.
    pub(super) fn enter(
        &self,
        peer: SocketAddr,
        client: Option<ClientPlace>,
    ) -> Option<Connection> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        metrics::opened();
        let paid = AtomicBool::new(client.is_some());
        let inner = Inner { peer, accepted_at: Instant::now(), paid, _place: place };
        Some(Connection { inner: Arc::new(inner), place: client })
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
