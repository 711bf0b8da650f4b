//! The operations of the service: rules and store first, and once it is committed the bus is told
//! and the courier nudged. Inputs are parsed already; see `grpc`.

mod access;
mod people;

use std::{sync::Arc, time::Duration};

use hubbub_bus::Bus;
use hubbub_domain::{Clock, Code, Fault, Timestamp, UserId, names::Reserved};
use hubbub_runtime::{
    grpc::{Services, Transport},
    lifecycle::Lifecycle,
};

pub(crate) use access::{Claim, NewAccount, Verdict};

use crate::{
    announcer::{Announcer, Ended},
    attempts::Attempts,
    config::{Accounts, Config},
    courier::{Courier, Nudge},
    grpc, metrics,
    passwords::Passwords,
    ring::Ring,
    server::BindError,
    store::Store,
};

/// How long an answer waits for the gateways, or the room service, to know. Longer than either takes
/// while it is well; a bus that is down fails no call.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the service stands on.
pub struct Ports {
    pub store: Arc<dyn Store>,
    pub bus: Arc<dyn Bus>,
    /// The way to the room service.
    pub room: Transport,
    pub clock: Arc<dyn Clock>,
}

/// The identity service in this process, with its background tasks. Clones share everything.
#[derive(Clone)]
pub struct Identity {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    announcer: Announcer,
    blocks: Nudge,
    ring: Arc<Ring>,
    passwords: Passwords,
    reserved: Reserved,
    config: Config,
}

impl Identity {
    /// Reads the signing keys and starts the background tasks. They end with the drain of
    /// `lifecycle`: give it a stage behind that of the callers.
    pub async fn start(
        config: &Config,
        ports: Ports,
        lifecycle: &Lifecycle,
    ) -> Result<Self, BindError> {
        config.validate().map_err(BindError::Config)?;
        metrics::begin();
        let Ports { store, bus, room, clock } = ports;
        let ring = Ring::open(config, Arc::clone(&store), Arc::clone(&clock)).await?;
        ring.start(lifecycle);
        let courier = Courier {
            store: Arc::clone(&store),
            room,
            clock: Arc::clone(&clock),
            call_timeout: config.room_timeout,
            pass_timeout: config.room_timeout + 2 * config.call_timeout,
            sweep_interval: config.sweep_interval.max(Duration::from_millis(10)),
        };
        let blocks = courier.start(lifecycle);
        let announcer = Announcer::start(bus, lifecycle);
        let passwords = Passwords::new(&config.password).map_err(BindError::Config)?;
        let reserved = Reserved::new(&config.reserved_names);
        let config = config.clone();
        let inner = Inner { store, clock, announcer, blocks, ring, passwords, reserved, config };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The gRPC service, for a server or for `Transport::local`.
    pub fn services(&self) -> Services {
        Services::of(grpc::service(self.clone()))
    }

    /// Whether the service can do its work: for readiness.
    pub async fn ping(&self) -> Result<(), Fault> {
        Ok(self.inner.store.ping().await?)
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        self.inner.config.call_timeout
    }

    pub(crate) fn published_keys(&self) -> Vec<u8> {
        self.inner.ring.published()
    }

    pub(crate) async fn rotate_keys(&self) -> Result<String, Fault> {
        Ok(self.inner.ring.replace_all().await?)
    }

    pub(crate) fn reserved(&self) -> &Reserved {
        &self.inner.reserved
    }

    fn store(&self) -> &dyn Store {
        self.inner.store.as_ref()
    }

    fn config(&self) -> &Config {
        &self.inner.config
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    fn attempts(&self) -> Attempts<'_> {
        Attempts { store: self.store(), config: &self.config().attempts, now: self.now() }
    }

    /// Tells the gateways which sessions have ended, and waits a moment until they know.
    async fn tell_revoked(&self, user: &UserId, ended: Ended<'_>, at: Timestamp) {
        let told = self.inner.announcer.revoked(user, ended, at);
        if tokio::time::timeout(PATIENCE, told.wait()).await.is_err() {
            tracing::debug!("a revocation is still on its way to the gateways");
        }
    }

    /// People register and log in here only if it is this service that keeps the accounts.
    fn keeps_accounts(&self) -> Result<(), Fault> {
        match self.config().accounts {
            Accounts::Own => Ok(()),
            Accounts::External => {
                Err(Fault::new(Code::Forbidden, "accounts are kept by another issuer"))
            }
        }
    }
}
