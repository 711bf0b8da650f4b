//! All ways to one service: the set of its addresses, kept current, and the choice among them.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use tokio::time::MissedTickBehavior;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, service::Routes};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tower::Layer as _;

use super::{
    Channel, GrpcClientConfig, GrpcServerConfig,
    address::Address,
    call::{CallLayer, Calls},
    channel::{Outgoing, Target},
    ejection::Admission,
    rendezvous,
    resolver::Resolver,
    tls::{Tls, TlsError},
};

/// Every way to one service. Clones share connections and what is known of their health.
#[derive(Clone)]
pub struct Transport {
    ways: Ways,
    outgoing: Arc<Outgoing>,
}

#[derive(Clone)]
enum Ways {
    Local(Calls),
    /// A server in this process that is not there yet.
    Awaited(Arc<OnceLock<Calls>>),
    Remote(Arc<Remote>),
}

struct Remote {
    addresses: Arc<Addresses>,
    /// Where the round of [`Transport::any`] stands.
    round: AtomicUsize,
    /// Keeps `addresses` current; ends with the last clone. None when no name can change.
    _resolving: Option<AbortOnDropHandle<()>>,
}

impl Transport {
    /// Resolves the names once (going on without, if that fails) and from then on in the background.
    /// Connections are made by the first calls that need them.
    pub async fn connect(config: &GrpcClientConfig) -> Result<Self, TransportError> {
        config.validate()?;
        let mut resolver = Resolver::parse(&config.address, config.connect_timeout)?;
        let tls = Tls::open(&config.tls)?;
        let addresses =
            Arc::new(Addresses { known: ArcSwap::default(), config: config.clone(), tls });
        addresses.set(&resolver.resolve().await);
        let resolving = (!resolver.is_static()).then(|| {
            let task = keep_current(Arc::clone(&addresses), resolver);
            AbortOnDropHandle::new(tokio::spawn(task))
        });
        let remote = Remote { addresses, round: AtomicUsize::new(0), _resolving: resolving };
        let outgoing = Arc::new(Outgoing::new(config));
        Ok(Self { ways: Ways::Remote(Arc::new(remote)), outgoing })
    }

    /// A server in this process: no socket, and the same rules for every call.
    pub fn local(routes: Routes) -> Self {
        let outgoing = Arc::new(Outgoing::new(&GrpcClientConfig::default()));
        Self { ways: Ways::Local(local_calls(routes)), outgoing }
    }

    /// A server in this process that is still to come, for two services that call each other. Until it is
    /// there, calls end as those to a service without an address do.
    pub fn awaited() -> (Self, Awaited) {
        let calls = Arc::new(OnceLock::new());
        let outgoing = Arc::new(Outgoing::new(&GrpcClientConfig::default()));
        (Self { ways: Ways::Awaited(Arc::clone(&calls)), outgoing }, Awaited(calls))
    }

    /// The way for a key: the same one for the same key, from every process, as long as that address
    /// is healthy; else the next in the key's own order.
    pub fn pick(&self, key: u128) -> Channel {
        self.channel(|remote| remote.addresses.choose(|a| rendezvous::score(a.identity, key)))
    }

    /// Any healthy way, one after the other.
    pub fn any(&self) -> Channel {
        self.channel(|remote| {
            let turn = remote.round.fetch_add(1, Ordering::Relaxed);
            remote.addresses.take_turn(turn)
        })
    }

    /// Whether some server of the service answers and says that it serves (`grpc.health.v1`).
    pub async fn check(&self) -> Result<(), Status> {
        let request = HealthCheckRequest { service: String::new() };
        let answer = HealthClient::new(self.any()).check(request).await?.into_inner();
        match answer.status() {
            ServingStatus::Serving => Ok(()),
            _ => Err(Status::unavailable("the server does not serve at the moment")),
        }
    }

    fn channel(&self, choose: impl FnOnce(&Remote) -> Option<Arc<Address>>) -> Channel {
        let target = match &self.ways {
            Ways::Local(calls) => Target::Local(calls.clone()),
            Ways::Awaited(calls) => {
                calls.get().map_or(Target::Nowhere, |calls| Target::Local(calls.clone()))
            }
            Ways::Remote(remote) => choose(remote).map_or(Target::Nowhere, Target::Remote),
        };
        Channel::new(target, Arc::clone(&self.outgoing))
    }
}

/// The place of a server that is still to come.
pub struct Awaited(Arc<OnceLock<Calls>>);

impl Awaited {
    /// The server is there: calls reach it from now on.
    pub fn arrive(self, routes: Routes) {
        // It is consumed by this, so the place is empty.
        drop(self.0.set(local_calls(routes)));
    }
}

fn local_calls(routes: Routes) -> Calls {
    let server = GrpcServerConfig { call_timeout: NO_LIMIT, ..GrpcServerConfig::default() };
    CallLayer::new(&server).layer(routes.prepare())
}

/// The caller in the same process sets the deadline; the server's side has none of its own.
const NO_LIMIT: Duration = Duration::from_hours(24);

async fn keep_current(addresses: Arc<Addresses>, mut resolver: Resolver) {
    let mut ticks = tokio::time::interval(addresses.config.resolve_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await; // The first comes at once, and the names were just resolved.
    loop {
        ticks.tick().await;
        addresses.set(&resolver.resolve().await);
    }
}

/// The addresses known at the moment, sorted, and how they are spoken to.
struct Addresses {
    known: ArcSwap<Vec<Arc<Address>>>,
    config: GrpcClientConfig,
    tls: Option<Arc<Tls>>,
}

impl Addresses {
    /// Addresses that stay keep their connection and their health.
    fn set(&self, sockets: &BTreeSet<SocketAddr>) {
        let known = self.known.load();
        if known.iter().map(|address| &address.socket).eq(sockets) {
            return;
        }
        let keep_or_make = |socket: &SocketAddr| {
            let kept = known.iter().find(|address| address.socket == *socket);
            let make = || Arc::new(Address::new(*socket, &self.config, self.tls.as_ref()));
            kept.map_or_else(make, Arc::clone)
        };
        let next = sockets.iter().map(keep_or_make).collect::<Vec<_>>();
        tracing::info!(addresses = ?sockets, "the addresses of a service changed");
        self.known.store(Arc::new(next));
    }

    /// The address with the highest score of those that may be called; when all are ejected, the
    /// highest of all: trying beats refusing.
    fn choose(&self, score: impl Fn(&Address) -> u64) -> Option<Arc<Address>> {
        let known = self.known.load();
        let now = Instant::now();
        let mut best: Option<(u64, &Arc<Address>)> = None;
        for address in known.iter() {
            let score = score(address);
            if best.is_none_or(|(highest, _)| score > highest)
                && address.ejection.admission(now) != Admission::Ejected
            {
                best = Some((score, address));
            }
        }
        match best {
            Some((_, address)) if address.may_be_called(now) => Some(Arc::clone(address)),
            // Somebody else probes that one at this moment.
            Some((lost, _)) => Self::best_but(&known, |a| score(a), lost),
            None => known.iter().max_by_key(|address| score(address)).map(Arc::clone),
        }
    }

    /// The best healthy address whose score is not `lost`; that one too if there is no other.
    fn best_but(
        known: &[Arc<Address>],
        score: impl Fn(&Address) -> u64,
        lost: u64,
    ) -> Option<Arc<Address>> {
        let healthy = |address: &&Arc<Address>| {
            score(address) != lost
                && address.ejection.admission(Instant::now()) == Admission::Healthy
        };
        let best = known.iter().filter(healthy).max_by_key(|address| score(address));
        best.or_else(|| known.iter().max_by_key(|address| score(address))).map(Arc::clone)
    }

    /// The first that may be called from `turn` on.
    fn take_turn(&self, turn: usize) -> Option<Arc<Address>> {
        let known = self.known.load();
        let from = turn.checked_rem(known.len())?;
        let now = Instant::now();
        let in_turn = || known[from..].iter().chain(&known[..from]);
        in_turn()
            .find(|address| address.may_be_called(now))
            .or_else(|| in_turn().next())
            .map(Arc::clone)
    }
}

impl Address {
    fn may_be_called(&self, now: Instant) -> bool {
        match self.ejection.admission(now) {
            Admission::Healthy => true,
            Admission::ProbeDue => self.ejection.claim_probe(now),
            Admission::Ejected => false,
        }
    }
}

/// The configuration does not describe a service.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error("address names no server (host:port, several separated by commas)")]
    NoAddress,
    #[error("address has {0:?}, which is not host:port")]
    Address(String),
    #[error("token has characters that cannot be sent in a header")]
    Token,
    #[error("tls.{0}")]
    Tls(#[from] TlsError),
}
