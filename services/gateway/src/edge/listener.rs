//! The accept loop, and the tasks of all HTTP connections.
//!
//! Invariants: no error ends the loop; what is accepted is counted before it is served; when
//! [`Listener::serve`] returns, no HTTP connection is left (WebSockets belong to their sessions).

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, http::StatusCode, middleware};
use hubbub_domain::Fault;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Admission, Config, InvalidOrigin, OpenConnections, Origins, TrustedProxies,
    gate::{self, Gate},
    http::{Handshake, Http},
    metrics::{self, Refused},
};

/// How long the loop rests when the process or the machine has run out of something.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// A bound socket with the rules for those who connect to it.
pub struct Listener {
    socket: TcpListener,
    config: Config,
    origins: Origins,
    admission: Arc<Admission>,
    open: OpenConnections,
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("cannot listen on {address}")]
    Socket { address: SocketAddr, source: io::Error },
    #[error("allowed_origins: {0}")]
    Origin(#[from] InvalidOrigin),
}

impl Listener {
    /// Takes the address. Clients can connect from here on, and wait in the backlog.
    pub fn bind(config: Config) -> Result<Self, BindError> {
        metrics::describe();
        let origins = Origins::parse(&config.allowed_origins)?;
        let socket = listen(&config)
            .map_err(|source| BindError::Socket { address: config.listen, source })?;
        let admission = Arc::new(Admission::new(&config));
        let open = OpenConnections::new(config.connections_max);
        Ok(Self { socket, config, origins, admission, open })
    }

    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The connections of this listener: to count them, and to wait for their end.
    pub fn open_connections(&self) -> OpenConnections {
        self.open.clone()
    }

    /// The rates, for doors that open sessions without an upgrade (long polling).
    pub fn admission(&self) -> Arc<Admission> {
        Arc::clone(&self.admission)
    }

    /// Serves until `drain`: then stops accepting, lets requests finish, and returns when they have,
    /// or at `abort`.
    pub async fn serve(self, router: Router, drain: CancellationToken, abort: CancellationToken) {
        let Self { socket, config, origins, admission, open } = self;
        let proxies =
            TrustedProxies::new(config.trusted_proxies.clone(), config.client_address_header);
        let cors = origins.cors();
        let counted = (proxies.clone(), admission.holdings.clone());
        let gate = Arc::new(Gate { proxies, origins, admission });
        let http = Arc::new(Http::new(&config, counted, (drain.clone(), abort)));
        let router =
            router.layer(middleware::from_fn_with_state(Arc::clone(&gate), gate::pass)).layer(cors);
        let places = |max: u32| Arc::new(Semaphore::new(max as usize));
        let reception = Reception {
            handshakes: places(config.handshakes_max),
            refusals: places(config.refusals_max),
            tasks: TaskTracker::new(),
            gate,
            open,
            http,
            router,
        };
        drain.run_until_cancelled(reception.accept_all(&socket)).await;
        drop(socket);
        reception.tasks.close();
        reception.tasks.wait().await;
    }
}

/// Who receives those that connect.
struct Reception {
    handshakes: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    tasks: TaskTracker,
    gate: Arc<Gate>,
    open: OpenConnections,
    http: Arc<Http>,
    router: Router,
}

impl Reception {
    async fn accept_all(&self, socket: &TcpListener) {
        loop {
            // At the bound of handshakes the backlog holds the others.
            let handshake = Arc::clone(&self.handshakes).acquire_owned().await;
            let Ok(handshake) = handshake else { return };
            match socket.accept().await {
                Ok((stream, peer)) => self.receive(stream, peer, handshake),
                Err(error) => {
                    metrics::accept_failed(&error);
                    if let Some(pause) = pause_after(&error) {
                        tracing::warn!(%error, "cannot accept connections for a moment");
                        sleep(pause).await;
                    }
                }
            }
        }
    }

    fn receive(&self, stream: TcpStream, peer: SocketAddr, handshake: OwnedSemaphorePermit) {
        metrics::accepted();
        // A proxy's connections are those of many clients; they are told apart by their requests.
        let direct = !self.gate.proxies.trusts(peer.ip());
        let Gate { admission, .. } = &*self.gate;
        let of_address = direct.then(|| admission.holdings.handshake(peer.ip()));
        if matches!(of_address, Some(None)) {
            // Closed without a response: its address has enough connections that say nothing.
            return metrics::refused(Refused::AddressHandshakes);
        }
        let handshake = Handshake::new(handshake, of_address.flatten());
        let admitted = if direct { admission.admit_address(peer.ip()) } else { Ok(()) };
        if let Err(fault) = admitted {
            metrics::refused(Refused::AddressRate);
            return self.turn_away(stream, handshake, StatusCode::TOO_MANY_REQUESTS, fault);
        }
        let place = match direct.then(|| admission.holdings.enter(peer.ip())).transpose() {
            Ok(place) => place,
            Err(fault) => {
                metrics::refused(Refused::AddressFull);
                return self.turn_away(stream, handshake, StatusCode::TOO_MANY_REQUESTS, fault);
            }
        };
        let Some(connection) = self.open.enter(peer, place) else {
            metrics::refused(Refused::ConnectionsFull);
            let fault = admission.full();
            return self.turn_away(stream, handshake, StatusCode::SERVICE_UNAVAILABLE, fault);
        };
        let (http, router) = (Arc::clone(&self.http), self.router.clone());
        self.tasks.spawn(async move {
            http.serve(stream, connection, handshake, router).await;
        });
    }

    /// Says why, if not too many are being told so already.
    fn turn_away(&self, stream: TcpStream, handshake: Handshake, status: StatusCode, fault: Fault) {
        let Ok(refusal) = Arc::clone(&self.refusals).try_acquire_owned() else {
            metrics::refused(Refused::RefusalsFull);
            return;
        };
        let http = Arc::clone(&self.http);
        self.tasks.spawn(async move {
            http.turn_away(stream, handshake, status, &fault).await;
            drop(refusal);
        });
    }
}

/// Whether to rest after a failed accept. Most failures concern one connection that has gone again;
/// the rest (no file descriptors, no memory) would only fail again at once.
fn pause_after(error: &io::Error) -> Option<Duration> {
    let gone = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::TimedOut
    );
    (!gone).then_some(EXHAUSTED_PAUSE)
}

/// Accepted sockets inherit what is set here, which saves four calls to the kernel for each.
fn listen(config: &Config) -> io::Result<TcpListener> {
    let socket =
        Socket::new(Domain::for_address(config.listen), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(config.tcp_keepalive))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(config.unacknowledged_timeout))?;
    socket.bind(&config.listen.into())?;
    socket.listen(i32::try_from(config.backlog).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::pause_after;

    #[test]
    fn rests_only_when_something_has_run_out() {
        for (errno, rests) in [(24, true), (23, true), (12, true), (103, false), (104, false)] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(pause_after(&error).is_some(), rests, "{error}");
        }
    }
}
