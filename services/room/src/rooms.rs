//! The operations of the service: rules and store first, and once it is committed the bus is told
//! and the courier nudged. Inputs are parsed already; see `grpc`.

use std::{sync::Arc, time::Duration};

use hubbub_bus::Bus;
use hubbub_domain::{
    ClientId, Clock, Code, Fault, RoomId, RoomKind, Timestamp, UserId, direct_pair,
};
use hubbub_runtime::{
    grpc::{Services, Transport},
    lifecycle::Lifecycle,
};

use crate::{
    announcer::Announcer,
    blocking,
    change::{Change, Command, Departed, check_group_size},
    config::Config,
    courier::{Courier, Nudge},
    grpc, metrics,
    model::{ChatFlags, Member, Membership, MembershipChange, Room, RoomName, Topic},
    people::{self, Admission, People},
    rules::{Action, Scene},
    store::{Changed, FlagWish, Made, MemberPlace, NewDirect, NewRoom, Page, PublicWish, Store},
};

/// People brought in by one request. At the bound: `limit_reached`.
pub(crate) const INVITED_MAX: usize = 999;

/// What the service stands on.
pub struct Ports {
    pub store: Arc<dyn Store>,
    pub bus: Arc<dyn Bus>,
    pub peers: Peers,
    pub clock: Arc<dyn Clock>,
}

/// The ways to the services that this one calls.
pub struct Peers {
    pub history: Transport,
    /// None where there is no identity service: then nobody keeps a list of people.
    pub identity: Option<Transport>,
}

/// The room service in this process, with its background tasks. Clones share everything.
#[derive(Clone)]
pub struct Rooms {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    history: Transport,
    people: People,
    clock: Arc<dyn Clock>,
    announcer: Announcer,
    notices: Nudge,
    config: Config,
}

/// A group or public room somebody wishes for.
#[derive(Clone, Debug)]
pub(crate) struct RoomWish {
    pub(crate) actor: UserId,
    pub(crate) kind: RoomKind,
    pub(crate) name: RoomName,
    pub(crate) topic: Topic,
    pub(crate) members: Vec<UserId>,
    pub(crate) request: Option<ClientId>,
}

/// Whether a change left notices for history.
#[derive(Clone, Copy)]
enum Notices {
    New,
    None,
}

impl Rooms {
    /// Starts the background tasks. They end with the drain of `lifecycle`: give it a stage behind
    /// that of the callers.
    pub fn start(config: &Config, ports: Ports, lifecycle: &Lifecycle) -> Self {
        metrics::begin();
        let Ports { store, bus, peers: Peers { history, identity }, clock } = ports;
        let courier = Courier {
            store: Arc::clone(&store),
            history: history.clone(),
            clock: Arc::clone(&clock),
            call_timeout: config.history_timeout,
            pass_timeout: config.history_timeout + 2 * config.call_timeout,
            sweep_interval: config.sweep_interval.max(Duration::from_millis(10)),
        };
        let notices = courier.start(lifecycle);
        let announcer = Announcer::start(bus, lifecycle);
        let people = People { identity, timeout: config.identity_timeout };
        let config = config.clone();
        let inner = Inner { store, history, people, clock, announcer, notices, config };
        Self { inner: Arc::new(inner) }
    }

    /// The gRPC service, for a server or for `Transport::local`.
    pub fn services(&self) -> Services {
        Services::of(grpc::service(self.clone()))
    }

    /// Whether the service can do its work: for readiness.
    pub async fn ping(&self) -> Result<(), Fault> {
        Ok(self.inner.store.ping().await?)
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.inner.store.as_ref()
    }

    pub(crate) fn announcer(&self) -> &Announcer {
        &self.inner.announcer
    }

    /// Up to so many members are told of each other's markers.
    pub(crate) fn receipts_members_max(&self) -> u32 {
        self.inner.config.receipts_members_max
    }

    pub(crate) fn people(&self) -> &People {
        &self.inner.people
    }

    /// In rooms of up to so many members receipts can be asked for.
    pub(crate) fn receipts_asked_members_max(&self) -> u32 {
        self.inner.config.receipts_asked_members_max
    }

    /// The longest pause of slow mode.
    pub(crate) fn slow_mode_seconds_max(&self) -> u32 {
        self.inner.config.slow_mode_seconds_max
    }

    pub(crate) fn history(&self) -> &Transport {
        &self.inner.history
    }

    pub(crate) fn history_timeout(&self) -> Duration {
        self.inner.config.history_timeout
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        self.inner.config.call_timeout
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The common case, a room that is there, is one query.
    pub(crate) async fn open_direct(&self, actor: UserId, peer: UserId) -> Result<Made, Fault> {
        if let Some(found) = self.find_direct(&actor, &peer).await? {
            return Ok(found);
        }
        let (low, high) = direct_pair(&actor, &peer)?;
        self.people().check_peer(&actor, &peer).await?;
        let (low, high) = (low.clone(), high.clone());
        let new = NewDirect { id: RoomId::generate(), low, high, by: actor, at: self.now() };
        let made = self.store().open_direct(&new).await?;
        blocking::open_to_both(&made.room)?;
        self.spread(&made.changes, None, Notices::None).await;
        Ok(made)
    }

    /// The direct room of two people, if there is one.
    pub(crate) async fn find_direct(
        &self,
        actor: &UserId,
        peer: &UserId,
    ) -> Result<Option<Made>, Fault> {
        let (low, high) = direct_pair(actor, peer)?;
        let Some(room) = self.store().find_direct(low, high).await? else { return Ok(None) };
        blocking::open_to_both(&room)?;
        Ok(Some(Made { room, created: false, changes: Vec::new() }))
    }

    /// The room, and those who were left out of it.
    pub(crate) async fn create_room(&self, wish: RoomWish) -> Result<(Room, Vec<UserId>), Fault> {
        if wish.kind == RoomKind::Direct {
            return Err(Fault::bad_request("kind is direct; such rooms are made by OpenDirect"));
        }
        let mut members = sorted(wish.members)?;
        members.retain(|user| *user != wish.actor);
        let Admission { allowed: members, refused, .. } =
            self.people().admit(&wish.actor, members).await?;
        if members.is_empty() && !refused.is_empty() {
            return Err(people::none_may_be_added());
        }
        if wish.kind == RoomKind::Group {
            check_group_size(members.len() + 1, self.inner.config.group_members_max)?;
        }
        let new = NewRoom {
            id: RoomId::generate(),
            kind: wish.kind,
            name: wish.name,
            topic: wish.topic,
            owner: wish.actor,
            members,
            request: wish.request,
            at: self.now(),
        };
        let made = self.store().create_room(&new).await?;
        let notices = if made.created { Notices::New } else { Notices::None };
        self.spread(&made.changes, None, notices).await;
        Ok((made.room, refused))
    }

    /// Tells the bus and the room's history, and waits a moment until they know: who was shut out by
    /// an answered call gets nothing that is said after the answer. A bus or a history that is down
    /// hears of it later; the call succeeds all the same.
    async fn spread(&self, changes: &[MembershipChange], room: Option<&Room>, notices: Notices) {
        /// Longer than either takes while it is well.
        const PATIENCE: Duration = Duration::from_millis(500);

        let told = self.inner.announcer.memberships(changes, room);
        let delivered = match notices {
            Notices::New => Some(self.inner.notices.nudge()),
            Notices::None => None,
        };
        let spread = async {
            tokio::join!(told.wait(), async {
                if let Some(delivered) = delivered {
                    delivered.await;
                }
            })
        };
        if tokio::time::timeout(PATIENCE, spread).await.is_err() {
            tracing::debug!("a change is still on its way to the gateways");
        }
    }

    /// Tells both people of a direct room how they stand now.
    pub(crate) async fn tell_memberships(&self, changes: &[MembershipChange]) {
        if !changes.is_empty() {
            self.spread(changes, None, Notices::None).await;
        }
    }

    pub(crate) async fn change(
        &self,
        actor: UserId,
        room: RoomId,
        command: Command,
    ) -> Result<Changed, Fault> {
        let group_members_max = self.inner.config.group_members_max;
        let change = Change { room, actor, command, at: self.now(), group_members_max };
        let changed = self.store().change(&change).await?;
        if changed.written {
            self.spread(&changed.changes, Some(&changed.room), Notices::New).await;
        }
        Ok(changed)
    }

    /// A user who is not in a room has left it: a repeated call, an absent room and another user's
    /// room all get the same answer, which tells nothing.
    pub(crate) async fn leave(
        &self,
        actor: UserId,
        room: RoomId,
        for_good: Option<bool>,
    ) -> Result<(), Fault> {
        match self.change(actor.clone(), room, Command::Leave { for_good }).await {
            Err(fault) if fault.code == Code::NotFound => {
                let Some(for_good) = for_good else { return Ok(()) };
                let departed = Departed { user: actor, for_good };
                Ok(self.store().set_departure(room, &departed).await?)
            }
            result => result.map(drop),
        }
    }

    pub(crate) async fn list_members(
        &self,
        actor: &UserId,
        room: RoomId,
        page: &Page<MemberPlace>,
    ) -> Result<(Room, Vec<Member>), Fault> {
        let found = self.store().room_of(actor, room).await?;
        let (room, role) = found.ok_or_else(Fault::no_such_room)?;
        let scene = Scene { kind: room.kind, state: room.state, actor: Some(role) };
        scene.permit(Action::ListMembers)?;
        let members = self.store().members(room.id, page).await?;
        Ok((room, members))
    }

    pub(crate) async fn membership(
        &self,
        user: &UserId,
        room: RoomId,
    ) -> Result<Membership, Fault> {
        self.store().membership(user, room).await?.ok_or_else(Fault::no_such_room)
    }

    pub(crate) async fn version(&self, user: &UserId) -> Result<u64, Fault> {
        let versions = self.store().versions(std::slice::from_ref(user)).await?;
        Ok(versions.first().map_or(0, |(_, version)| *version))
    }

    /// Those of the known versions that are not the current ones, with the current ones.
    pub(crate) async fn changed_versions(
        &self,
        known: Vec<(UserId, u64)>,
    ) -> Result<Vec<(UserId, u64)>, Fault> {
        let users: Vec<_> = known.iter().map(|(user, _)| user.clone()).collect();
        let current: std::collections::HashMap<_, _> =
            self.store().versions(&users).await?.into_iter().collect();
        let now = |user: &UserId| current.get(user).copied().unwrap_or_default();
        Ok(known
            .into_iter()
            .filter(|(user, version)| now(user) != *version)
            .map(|(user, _)| (user.clone(), now(&user)))
            .collect())
    }

    pub(crate) async fn update_chat(&self, wish: &FlagWish) -> Result<ChatFlags, Fault> {
        let flags = self.store().set_flags(wish).await?.ok_or_else(Fault::no_such_room)?;
        self.inner.announcer.chats(std::iter::once(&flags));
        Ok(flags)
    }

    pub(crate) async fn public_rooms(&self, wish: &PublicWish) -> Result<Vec<Room>, Fault> {
        Ok(self.store().public_rooms(wish).await?)
    }
}

/// Everybody once, in order.
pub(crate) fn sorted(mut users: Vec<UserId>) -> Result<Vec<UserId>, Fault> {
    if users.len() > INVITED_MAX {
        return Err(Fault::new(
            Code::LimitReached,
            format!("more than {INVITED_MAX} people in one request"),
        ));
    }
    users.sort();
    users.dedup();
    Ok(users)
}
