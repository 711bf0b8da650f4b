//! What clients may hold of this node, each address by itself and all of them together: connections,
//! handshakes, sessions that poll, and bytes of requests that are not complete.
//!
//! All of it is counted for the client's address, whatever the client has proven: where a proxy is
//! trusted, for the address that the proxy names.

use std::{net::IpAddr, sync::Arc, time::Duration};

use hubbub_domain::{Code, Fault};
use hubbub_runtime::shares::{Bounds, Full, Share, Shares};
use parking_lot::Mutex;

use super::Config;

/// What every request and every unfinished message may hold besides: ordinary ones never meet the bound.
const FREE_BYTES: usize = 4 * 1024;
/// When those refused at a bound of their address may come back.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Counts what clients hold. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Holdings {
    connections: Shares,
    http: Shares,
    handshakes: Shares,
    sessions: Shares,
    unfinished: Shares,
}

impl Holdings {
    pub(super) fn new(config: &Config) -> Self {
        // In all they are bounded by the listener and by the engine.
        let of_each =
            |max: u32| Shares::new(Bounds { total: usize::MAX, per_address: max as usize });
        Self {
            connections: of_each(config.connections_per_address_max),
            http: of_each(config.http_per_address_max),
            handshakes: of_each(config.handshakes_per_address_max),
            sessions: of_each(config.connections_per_address_max),
            unfinished: Shares::new(Bounds {
                total: config.unfinished_bytes_max,
                per_address: config.unfinished_bytes_per_address_max,
            }),
        }
    }

    /// One more connection of a client, not yet a WebSocket.
    pub(super) fn enter(&self, client: IpAddr) -> Result<ClientPlace, Fault> {
        let full = |_| refusal("too many open connections from your address");
        let open = self.connections.take(client, 1).map_err(full)?;
        let http = self.http.take(client, 1).map_err(full)?;
        let http = Mutex::new(Some(http));
        let unfinished = self.unfinished.clone();
        Ok(ClientPlace(Arc::new(Place { client, unfinished, _open: open, http })))
    }

    /// One more connection whose first request has not arrived.
    pub(super) fn handshake(&self, client: IpAddr) -> Option<Share> {
        self.handshakes.take(client, 1).ok()
    }

    /// For a request that arrives in pieces.
    pub(super) fn unfinished(&self, client: IpAddr) -> Unfinished {
        Unfinished(self.unfinished.nothing(client))
    }

    /// One more session that polls, or began to.
    pub(crate) fn session(&self, client: IpAddr) -> Result<Share, Fault> {
        let full = |_| refusal("too many open sessions from your address");
        self.sessions.take(client, 1).map_err(full)
    }
}

fn refusal(text: &'static str) -> Fault {
    Fault::new(Code::RateLimited, text).retry_after(RETRY_AFTER)
}

/// A client's connection, or its request when the connection is a proxy's; counted until the last clone
/// is dropped.
#[derive(Clone, Debug)]
pub(super) struct ClientPlace(Arc<Place>);

#[derive(Debug)]
struct Place {
    client: IpAddr,
    unfinished: Shares,
    _open: Share,
    http: Mutex<Option<Share>>,
}

impl ClientPlace {
    /// It is a WebSocket now.
    pub(super) fn upgraded(&self) {
        self.0.http.lock().take();
    }

    /// For something that arrives in pieces.
    pub(super) fn unfinished(&self) -> Unfinished {
        Unfinished(self.0.unfinished.nothing(self.0.client))
    }
}

/// The bytes held of one request or message that is not complete.
#[derive(Debug)]
pub(crate) struct Unfinished(Share);

impl Unfinished {
    /// As many as `bytes` are held now. At a bound the fault says whose it is.
    pub(crate) fn set(&mut self, bytes: usize) -> Result<(), Fault> {
        self.0.set(bytes.saturating_sub(FREE_BYTES)).map_err(|full| match full {
            Full::Address => refusal("too much unfinished data from your address"),
            Full::Total => Fault::unavailable("this server holds too much unfinished data")
                .retry_after(RETRY_AFTER),
        })
    }
}
