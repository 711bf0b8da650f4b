//! The gateway put together: the only place that knows all of its parts.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, routing::get};
use hubbub_auth::Verifier;
use hubbub_bus::{Bus, BusError, Subscriber};
use hubbub_domain::Clock;
use hubbub_ephemeral::Ephemeral;
use hubbub_proto::{
    FILE_DESCRIPTOR_SET, presence::v1::presence_service_server::PresenceServiceServer,
};
use hubbub_runtime::{
    grpc::{RetryPolicy, Services, Transport},
    jitter::Jitter,
    lifecycle::Lifecycle,
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    appender::Appender,
    backends::Backends,
    config::Config,
    core::Core,
    crowds::{self, Crowds},
    edge::{self, ConnectionCaps, Listener},
    engineio::{Engine, Host},
    grants::Grants,
    hub::{self, Hub, Listeners, Surroundings},
    internal::{self, Internal},
    metrics,
    native::{self, NativeDoor},
    presence::{Desk, Grounds, Presences},
    quotas::Quotas,
    rates::Rates,
    rebalance,
    receipts::{Reads, Receipts},
    registry::Registry,
    relay::{Peers, Relay},
    rest::{self, RestDoor},
    session::Sessions,
    socketio::SocketIo,
    socketio_door::{self, Behind},
    tidings::{Outgoing, Tidings},
    topics::Topics,
    typing::Typing,
    upkeep::until_drained,
    users::Users,
    web::{self, WebClient},
};

/// Changes of rooms that wait to be looked into. Beyond it a session is unfollowed without asking.
const ASIDES_MAX: usize = 1_024;

/// What the gateway stands on.
pub struct Dependencies {
    pub bus: Arc<dyn Bus>,
    pub ephemeral: Arc<dyn Ephemeral>,
    pub room: Transport,
    pub history: Transport,
    /// The identity service; without one people and logins are somebody else's business.
    pub identity: Option<Grants>,
    pub verifier: Verifier,
    pub clock: Arc<dyn Clock>,
    /// The other roles where all of them run in this process: the internal listener serves them too, and
    /// what is `auto` suits that.
    pub standalone: Option<Services>,
}

/// A gateway that listens and does not serve yet.
pub struct Server {
    listener: Listener,
    core: Arc<Core>,
    verifier: Verifier,
    caps: ConnectionCaps,
    background: Background,
    behind: Behind,
    examples: bool,
    web: Option<WebClient>,
    internal: Option<Internal>,
    beside: Option<Services>,
    bus: Arc<dyn Bus>,
    ephemeral: Arc<dyn Ephemeral>,
    node: Arc<str>,
}

/// What a core stands on.
pub(crate) struct Foundation {
    /// Which of the gateways this is.
    pub(crate) node: Arc<str>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) state: Arc<dyn Ephemeral>,
    pub(crate) subscriber: Subscriber,
    pub(crate) backends: Backends,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) jitter: Jitter,
}

/// What runs behind the doors.
pub(crate) struct Background {
    feed: mpsc::Receiver<hubbub_bus::Delivery>,
    asides: mpsc::Receiver<hub::Aside>,
    outgoing: Outgoing,
    typing_ends: mpsc::Receiver<crate::typing::End>,
    reads: Reads,
}

/// Why a gateway cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("gateway.{0}")]
    Config(String),
    #[error(transparent)]
    Listen(#[from] edge::BindError),
    #[error(transparent)]
    Internal(#[from] internal::BindError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Web(#[from] web::LoadError),
}

impl Server {
    /// Binds the listener; port 0 takes a free one. The append lanes run from here on.
    pub async fn bind(
        config: Config,
        dependencies: Dependencies,
        lifecycle: &Lifecycle,
    ) -> Result<Self, BindError> {
        let Dependencies { bus, ephemeral, room, history, identity, verifier, clock, standalone } =
            dependencies;
        config.validate().map_err(BindError::Config)?;
        let web = WebClient::load(&config.web)?;
        let listener = Listener::bind(config.edge.clone())?;
        let internal = Internal::bind(&config.internal).await?;
        let caps = ConnectionCaps::new(config.edge.connections_per_user_max);
        let subscriber = bus.subscribe().await?;
        let alone = standalone.is_some();
        let behind = Behind::open(&config, alone, Arc::clone(&bus), Arc::clone(&ephemeral)).await?;
        let examples = config.socketio.enabled && config.examples.is_on(alone);
        let backends = Backends::new(room, history, RetryPolicy::default()).with_identity(identity);
        let node: Arc<str> = Uuid::new_v4().simple().to_string().into();
        let foundation = Foundation {
            node: Arc::clone(&node),
            bus: Arc::clone(&bus),
            state: Arc::clone(&ephemeral),
            subscriber,
            backends,
            clock,
            jitter: Jitter::default(),
        };
        let (core, background) = assemble(config, foundation, lifecycle);
        Ok(Self {
            listener,
            core,
            verifier,
            caps,
            background,
            behind,
            examples,
            web,
            internal,
            beside: standalone,
            bus,
            ephemeral,
            node,
        })
    }

    /// Where clients connect to.
    pub fn local_address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_address()
    }

    /// Where other gateways and services connect to, if anywhere.
    pub fn internal_address(&self) -> Option<SocketAddr> {
        self.internal.as_ref().map(Internal::local_address)
    }

    /// Serves until the lifecycle drains: then no more connections are taken, and the sessions are
    /// asked to move. What they stand on runs until they are gone.
    pub fn run(self, lifecycle: &Lifecycle) {
        let Self { listener, core, verifier, caps, background, behind, .. } = self;
        let Self { examples, web, internal, beside, bus, ephemeral, node, .. } = self;
        let support = lifecycle.behind();
        background.run(&core, &support);
        support.spawn("token keys", verifier.clone().keep_fresh(support.drain.clone()));

        let rest = rest::router(RestDoor { core: Arc::clone(&core), verifier: verifier.clone() });
        let tasks = TaskTracker::new();
        let admission = listener.admission();
        let host = Host {
            node: node.to_string(),
            admission: Arc::clone(&admission),
            tasks: tasks.clone(),
            abort: lifecycle.abort.clone(),
            peers: internal.as_ref().map(|internal| {
                Arc::new(Peers::new(Arc::clone(&ephemeral) as _, internal.client()))
            }),
        };
        let address = internal.as_ref().map(Internal::address).unwrap_or_default().to_owned();
        let (node, started_at) = (host.node.clone(), core.clock.now());
        let registry = Registry::new(ephemeral, &core.config.registry, node, address, started_at);
        run_registry(registry, &core, lifecycle, &support);
        let socketio = core
            .config
            .socketio
            .enabled
            .then(|| behind.door(&core, (verifier.clone(), caps.clone()), host, &support));
        let door = NativeDoor {
            core: Arc::clone(&core),
            verifier,
            caps,
            admission,
            tasks: tasks.clone(),
            abort: lifecycle.abort.clone(),
        };
        let mut router =
            Router::new().route("/v1/connect", get(native::connect)).with_state(door).merge(rest);
        if let Some(engine) = &socketio {
            router = router.merge(socketio_door::router(engine, examples));
        }
        if let Some(internal) = internal {
            let desk = Desk::service(Arc::clone(&core.presences), bus);
            let services = services(desk, socketio.as_ref());
            let services = beside.into_iter().fold(services, Services::and);
            internal.run(services.with_reflection(FILE_DESCRIPTOR_SET), &support);
        }
        let (router, closing) = (edge::refusing(router), CancellationToken::new());
        let serving =
            listener.serve(web::behind(router, web), closing.clone(), lifecycle.abort.clone());
        lifecycle.spawn("listener", serving);
        let (drain, abort) = (lifecycle.drain.clone(), lifecycle.abort.clone());
        lifecycle.spawn("sessions", async move {
            drain.cancelled().await;
            tracing::info!(sessions = core.sessions.count(), "sessions are asked to go");
            let config = &core.config.drain;
            abort.run_until_cancelled(tokio::time::sleep(config.notice)).await;
            closing.cancel();
            let others = async {
                if let Some(engine) = socketio {
                    engine.move_away(config).await;
                }
            };
            let all = async { tokio::join!(core.sessions.move_away(config), others) };
            abort.run_until_cancelled(all).await;
            tasks.close();
            tasks.wait().await;
        });
    }
}

/// From the start of the drain on nobody shall come here; until its end the others may want to know where
/// the sessions are.
fn run_registry(registry: Registry, core: &Arc<Core>, lifecycle: &Lifecycle, support: &Lifecycle) {
    let registry = Arc::new(registry);
    let (keeper, keeping) = (Arc::clone(&registry), Arc::downgrade(core));
    let (closing, gone) = (lifecycle.drain.clone(), support.drain.clone());
    support.spawn("registry", async move { keeper.keep(&keeping, &closing, &gone).await });
    if core.config.rebalance.enabled {
        let (core, drain) = (Arc::clone(core), lifecycle.drain.clone());
        lifecycle.spawn("rebalance", async move {
            drain.run_until_cancelled(rebalance::run(&core, &registry)).await;
        });
    }
}

/// What the other gateways, and other services, may ask for.
fn services(desk: PresenceServiceServer<Desk>, socketio: Option<&Engine<SocketIo>>) -> Services {
    let services = Services::of(desk);
    match socketio {
        Some(engine) => services.and(Services::of(Relay::service(engine.clone()))),
        None => services,
    }
}

/// Everything behind the doors. The append lanes run from here on, the rest with
/// [`Background::run`].
pub(crate) fn assemble(
    config: Config,
    foundation: Foundation,
    lifecycle: &Lifecycle,
) -> (Arc<Core>, Background) {
    metrics::begin(&config);
    let Foundation { node, bus, state, subscriber, backends, clock, jitter } = foundation;
    let topics = Arc::new(Topics::new(subscriber.subscriptions));
    let (asides_out, asides) = mpsc::channel(ASIDES_MAX);
    let surroundings = Surroundings { clock: Arc::clone(&clock), jitter };
    let hub = Hub::new(
        config.hub.clone(),
        backends.clone(),
        Arc::clone(&topics),
        asides_out,
        surroundings,
    );
    let (tidings, outgoing) = Tidings::new(bus);
    let grounds = Grounds {
        node,
        registry: config.registry.clone(),
        connections_max: config.edge.connections_per_user_max,
        state: Arc::clone(&state),
        tidings: tidings.clone(),
        backends: backends.clone(),
        topics: Arc::clone(&topics),
        jitter,
    };
    let presences = Presences::new(config.presence.clone(), grounds);
    let (typing, typing_ends) =
        Typing::new(config.typing.clone(), Arc::clone(&state), Arc::clone(&hub), tidings.clone());
    let rates = Arc::new(Rates::new(&config.users));
    let users = Users::new(
        config.users.clone(),
        backends.clone(),
        Arc::clone(&hub),
        topics,
        Arc::clone(&rates),
    );
    let crowds = Crowds::new(
        &config.presence,
        crowds::Grounds {
            state: Arc::clone(&state),
            tidings,
            hub: Arc::clone(&hub),
            users: Arc::clone(&users),
            presences: Arc::clone(&presences),
        },
    );
    // Behind the sessions: whoever still holds the core does not keep them from ending.
    let appender = Arc::new(Appender::start(&config.append, &backends, &lifecycle.behind()));
    let (receipts, reads) = Receipts::new(backends.clone(), config.users.delivered_interval);
    let quotas = Quotas::new(&config.users, Arc::clone(&state));
    let core = Arc::new(Core {
        config,
        backends,
        hub,
        users,
        appender,
        sessions: Sessions::default(),
        rates,
        quotas,
        receipts,
        known: crate::core::known_users(),
        presences,
        crowds,
        typing,
        state,
        clock,
    });
    let feed = subscriber.feed;
    (core, Background { feed, asides, outgoing, typing_ends, reads })
}

impl Background {
    pub(crate) fn run(self, core: &Arc<Core>, support: &Lifecycle) {
        let (hub, users) = (Arc::clone(&core.hub), Arc::clone(&core.users));
        let listeners = Listeners {
            hub: Arc::clone(&hub),
            users: Arc::clone(&users),
            typing: Arc::clone(&core.typing),
            presences: Arc::clone(&core.presences),
            crowds: Arc::clone(&core.crowds),
        };
        let feed = hub::run_feed(self.feed, listeners);
        until_drained(support, "bus feed", feed);
        let asides = Arc::clone(&users).look_into(self.asides);
        until_drained(support, "asides", asides);
        for writer in hub.writers() {
            until_drained(support, "writer", writer);
        }
        let receipts = Arc::clone(&core.receipts).run(self.reads, support.drain.clone());
        support.spawn("receipts", receipts);
        until_drained(support, "rooms", hub.keep_true());
        until_drained(support, "users", Arc::clone(&users).keep_true());
        until_drained(support, "new sessions", users.confirm_newcomers());

        let (presences, typing) = (&core.presences, &core.typing);
        until_drained(support, "typing", Arc::clone(typing).keep_true());
        let ends = Arc::clone(typing).write_ends(self.typing_ends);
        until_drained(support, "typing ends", ends);
        let counted = Arc::clone(&core.rates).count(Arc::clone(&core.state));
        until_drained(support, "rates", counted);
        until_drained(support, "leases", Arc::clone(presences).renew_leases());
        until_drained(support, "watches", Arc::clone(presences).keep_watches_true());
        until_drained(support, "crowds", Arc::clone(&core.crowds).count());
        until_drained(support, "expiry", Arc::clone(presences).look_for_the_gone());
        // The last sessions are told of too: so this ends by itself.
        let drain = &support.drain;
        let departures = Arc::clone(presences).tell_departures(drain.clone());
        support.spawn("departures of presence", departures);
        // Behind all that has something to tell.
        let behind = support.behind();
        let (drain, outgoing) = (behind.drain.clone(), self.outgoing.run());
        // It ends as soon as nobody is left who could tell anything.
        behind.spawn("tidings", async move {
            drain.run_until_cancelled(outgoing).await;
        });
    }
}
