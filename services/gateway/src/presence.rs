//! Who is online: the leases of this gateway's sessions in the cluster's state, and those whom its
//! sessions watch.
//!
//! Every session holds a lease that this gateway renews, all of them in a few calls; when the gateway
//! dies, they end. Each gateway looks for leases that have ended: what changes is told once, by whoever
//! finds it, on the user's topic of the bus. While the state cannot be reached nobody knows anything:
//! whoever watches is told `unknown`, and the truth once it is back and every gateway has had the time
//! to write its leases there again.

mod desk;
mod watches;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use hubbub_bus::Topic;
use hubbub_domain::{Code, Fault, Timestamp, UserId};
use hubbub_ephemeral::{
    Availability, Cap, Entered, Ephemeral, EphemeralError, Lease, Presence, SessionKey, Terms,
};
use hubbub_proto::bus::v1::{self as wire, envelope};
use hubbub_runtime::jitter::Jitter;
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    backends::Backends,
    config::{PresenceConfig, RegistryConfig},
    metrics,
    session::{Session, SessionId},
    steady::SteadyMap,
    tidings::Tidings,
    topics::Topics,
};

pub(crate) use desk::Desk;
use watches::Watches;

/// In how many turns all leases are renewed, spread over the interval.
const TURNS: u64 = 8;
/// After an interruption: all gateways have noticed by then, and renewed their leases.
const SETTLED_AFTER: Duration = Duration::from_secs(3);
/// Departures that wait to be told. Beyond it leases end by themselves.
const LEAVING_MAX: usize = 100_000;

/// What presence stands on.
pub(crate) struct Grounds {
    pub(crate) node: Arc<str>,
    pub(crate) registry: RegistryConfig,
    pub(crate) connections_max: u32,
    pub(crate) state: Arc<dyn Ephemeral>,
    pub(crate) tidings: Tidings,
    pub(crate) backends: Backends,
    pub(crate) topics: Arc<Topics>,
    pub(crate) jitter: Jitter,
}

pub(crate) struct Presences {
    config: PresenceConfig,
    on: Grounds,
    held: Mutex<SteadyMap<SessionId, Held>>,
    leaving: Mutex<Vec<Lease>>,
    left: Notify,
    watches: Watches,
    /// The state answered when it was last asked.
    reachable: AtomicBool,
    /// Until then the state may lack leases that were lost with a server: who is in none of them is not
    /// known to be offline.
    settled_at: Mutex<Instant>,
    renew_all: Notify,
    look_again: Notify,
    /// Times in a row that nobody could say who may see whom.
    unanswered: AtomicU32,
    tasks: TaskTracker,
}

/// A session's lease.
struct Held {
    user: UserId,
    /// None until it was welcomed.
    session: Weak<Session>,
}

/// A lease of somebody who is being welcomed: given up unless they come in.
pub(crate) struct Welcoming {
    presences: Arc<Presences>,
    id: Option<SessionId>,
}

impl Presences {
    pub(crate) fn new(config: PresenceConfig, on: Grounds) -> Arc<Self> {
        Arc::new(Self {
            config,
            on,
            held: Mutex::default(),
            leaving: Mutex::default(),
            left: Notify::new(),
            watches: Watches::default(),
            reachable: AtomicBool::new(true),
            settled_at: Mutex::new(Instant::now()),
            renew_all: Notify::new(),
            look_again: Notify::new(),
            unanswered: AtomicU32::new(0),
            tasks: TaskTracker::new(),
        })
    }

    /// A session is about to come. Refused when its user has too many in the whole cluster; while the
    /// state cannot be reached, only those of this node count, which the door has counted.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        user: &UserId,
        id: SessionId,
    ) -> Result<Welcoming, Fault> {
        let welcoming = Welcoming { presences: Arc::clone(self), id: Some(id) };
        let held = Held { user: user.clone(), session: Weak::new() };
        self.held.lock().insert(id, held);
        let lease = self.lease(user, id, Availability::Online);
        let cap = Cap { leases_max: self.on.connections_max, dead: HashSet::new() };
        match self.on.state.enter(&lease, &cap, self.terms()).await {
            Ok(Entered::In(told)) => self.announce(told),
            Ok(Entered::Full(nodes)) => self.enter_beside(&lease, nodes).await?,
            // The lease is written when it is renewed.
            Err(error) => tracing::debug!(%error, "a session's lease has to wait"),
        }
        Ok(welcoming)
    }

    /// The user has as many sessions as they may; some of them may be of nodes that are dead.
    async fn enter_beside(&self, lease: &Lease, nodes: HashSet<String>) -> Result<(), Fault> {
        let known = self.on.state.nodes().await.map_err(|error| {
            tracing::debug!(%error, "nobody knows which nodes are alive");
            Fault::unavailable("connections cannot be counted just now")
        })?;
        let heard: HashMap<&str, _> =
            known.iter().map(|node| (node.id.as_str(), node.heard)).collect();
        let max = self.on.connections_max;
        let here = self.on.node.as_ref();
        let dead: HashSet<String> = nodes
            .iter()
            .filter(|node| *node != here && !heard.contains_key(node.as_str()))
            .cloned()
            .collect();
        if !dead.is_empty() {
            let cap = Cap { leases_max: max, dead };
            if let Ok(Entered::In(told)) = self.on.state.enter(lease, &cap, self.terms()).await {
                self.announce(told);
                return Ok(());
            }
        }
        let silent = |node: &String| {
            heard
                .get(node.as_str())
                .is_some_and(|heard| *heard > 2 * self.on.registry.renew_interval)
        };
        if nodes.iter().any(silent) {
            let text = "connections cannot be counted while a node does not answer";
            return Err(Fault::unavailable(text));
        }
        let text = format!("more than {max} connections of one user");
        Err(Fault::new(Code::LimitReached, text))
    }

    /// The end of a session: it is told after a grace, unless they come back.
    pub(crate) fn leave(&self, session: SessionId) {
        self.watches.forget(session);
        let Some(Held { user, .. }) = self.held.lock().remove(&session) else { return };
        let mut leaving = self.leaving.lock();
        if leaving.len() < LEAVING_MAX {
            leaving.push(self.lease(&user, session, Availability::Online));
        }
        drop(leaving);
        self.left.notify_one();
    }

    /// Somebody who was away has asked for something.
    pub(crate) fn returned(self: &Arc<Self>, session: &Session) {
        let lease = self.lease(session.user(), session.id(), Availability::Online);
        let presences = Arc::clone(self);
        self.tasks.spawn(async move { presences.renew(&[lease]).await });
    }

    /// The bus tells of somebody.
    pub(crate) fn heard(&self, user: &UserId, told: &wire::PresenceChanged) {
        let availability = match told.availability() {
            wire::Availability::Online => Availability::Online,
            wire::Availability::Away => Availability::Away,
            wire::Availability::Offline => Availability::Offline,
            wire::Availability::Unspecified => return,
        };
        let (version, user) = (told.version, user.clone());
        let last_seen =
            (told.last_seen_micros > 0).then(|| Timestamp::from_micros(told.last_seen_micros));
        self.watches.heard(Presence { user, availability, version, last_seen });
    }

    /// What was told may have been lost, and what was written: all leases are renewed at once, and
    /// everybody who is watched is looked up once the others have done so too.
    pub(crate) fn recover(&self) {
        *self.settled_at.lock() = Instant::now() + SETTLED_AFTER;
        self.renew_all.notify_one();
        self.look_again.notify_one();
    }

    /// Renews all leases, a part with every turn. Runs for the life of the gateway.
    pub(crate) async fn renew_leases(self: Arc<Self>) {
        let turn = self.config.renew_interval / u32::try_from(TURNS).unwrap_or(1);
        let mut ticks = tokio::time::interval(turn);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for turn in (0..TURNS).cycle() {
            let turns = tokio::select! {
                _due = ticks.tick() => turn..turn + 1,
                () = self.renew_all.notified() => 0..TURNS,
            };
            for leases in turns.map(|turn| self.leases(turn)).filter(|leases| !leases.is_empty()) {
                self.renew(&leases).await;
            }
        }
    }

    /// Tells of sessions that ended; those that end last, too, when the gateway drains.
    pub(crate) async fn tell_departures(self: Arc<Self>, drain: CancellationToken) {
        loop {
            let more = drain.run_until_cancelled(self.left.notified()).await;
            let leases = std::mem::take(&mut *self.leaving.lock());
            if !leases.is_empty() {
                let left = self.on.state.leave(&leases, self.config.grace, self.terms()).await;
                match left {
                    Ok(told) => self.announce(told),
                    Err(error) => tracing::debug!(%error, "leases are left to end by themselves"),
                }
            }
            if more.is_none() {
                return;
            }
        }
    }

    /// Looks for leases that have ended, anybody's. Runs for the life of the gateway.
    pub(crate) async fn look_for_the_gone(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.on.jitter.scale(self.config.expiry_interval, 0.75..1.0)).await;
            let found = self.on.state.expire(self.terms()).await;
            match found {
                Ok(told) => {
                    self.announce(told);
                    if !self.reachable.swap(true, Ordering::Relaxed) {
                        tracing::info!("presence is known again");
                        self.recover();
                    }
                }
                Err(error) => {
                    if self.reachable.swap(false, Ordering::Relaxed) {
                        tracing::warn!(%error, "presence is unknown");
                    }
                    self.watches.all_unknown();
                }
            }
        }
    }

    fn leases(&self, turn: u64) -> Vec<Lease> {
        let held = self.held.lock();
        metrics::leases(held.len());
        let due = held.iter().filter(|(id, _)| id.number() % TURNS == turn);
        due.map(|(id, Held { user, session })| {
            let idle =
                session.upgrade().is_some_and(|session| session.note_idle(self.config.away_after));
            let availability = if idle { Availability::Away } else { Availability::Online };
            self.lease(user, *id, availability)
        })
        .collect()
    }

    async fn renew(&self, leases: &[Lease]) {
        match self.on.state.hold(leases, self.terms()).await {
            Ok(told) => self.announce(told),
            Err(error) => tracing::debug!(%error, leases = leases.len(), "not renewed"),
        }
        // Whoever left meanwhile has another lease now, which nobody renews: it ends soon enough, but
        // not before its time. So it is left again.
        let held = self.held.lock();
        let mut left = leases.iter().filter(|lease| !held.contains_key(&key(lease))).cloned();
        if let Some(first) = left.next() {
            self.leaving.lock().extend(std::iter::once(first).chain(left));
            self.left.notify_one();
        }
    }

    fn announce(&self, told: Vec<Presence>) {
        for Presence { user, availability, version, last_seen } in told {
            let availability = match availability {
                Availability::Online => wire::Availability::Online,
                Availability::Away => wire::Availability::Away,
                Availability::Offline => wire::Availability::Offline,
            };
            metrics::presence_told(availability.as_str_name());
            let changed = wire::PresenceChanged {
                user_id: user.to_string(),
                availability: availability.into(),
                version,
                last_seen_micros: last_seen.map_or(0, Timestamp::as_micros),
            };
            self.on.tidings.tell(Topic::Presence(user), envelope::Event::PresenceChanged(changed));
        }
    }

    fn lease(&self, user: &UserId, session: SessionId, availability: Availability) -> Lease {
        let node = self.on.node.to_string();
        let session = SessionKey { node, number: session.number() };
        Lease { user: user.clone(), session, availability }
    }

    const fn terms(&self) -> Terms {
        Terms { ttl: self.config.ttl, last_seen_kept: self.config.last_seen_kept }
    }

    /// The state has all that is held in the cluster, as far as anybody knows.
    pub(crate) fn is_settled(&self) -> bool {
        Instant::now() >= *self.settled_at.lock()
    }

    /// How some users are, as far as it is known.
    pub(crate) async fn read(&self, users: &[UserId]) -> Result<Vec<Presence>, EphemeralError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let mut presences = self.on.state.presences(users).await?;
        if !self.is_settled() {
            presences.retain(|presence| presence.version > 0);
        }
        Ok(presences)
    }
}

fn key(lease: &Lease) -> SessionId {
    SessionId::from_number(lease.session.number)
}

impl Welcoming {
    /// They are in.
    pub(crate) fn done(mut self, session: &Arc<Session>) {
        let Some(id) = self.id.take() else { return };
        if let Some(held) = self.presences.held.lock().get_mut(&id) {
            held.session = Arc::downgrade(session);
        }
    }
}

impl Drop for Welcoming {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            self.presences.leave(id);
        }
    }
}
