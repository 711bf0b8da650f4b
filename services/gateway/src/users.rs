//! The people with sessions on this gateway, and which rooms they are members of: the cache behind
//! "nobody sees or posts in a room they are not a member of".
//!
//! Kept true in three ways: every change of a membership arrives on the user's bus topic with the
//! list's new version; a version that jumps, and a periodic comparison of versions, make the list be
//! read anew; and a departure that stands in a room's own order is confirmed at once. A membership
//! that is not in the cache is asked for before anybody is refused.

mod events;
mod looking_into;
mod newcomers;
mod pushing;
mod revoking;
mod state;

use std::sync::Arc;

use dashmap::DashMap;
use hubbub_bus::Topic;
use hubbub_client_protocol::{CloseCode, Event};
use hubbub_domain::{Fault, Rev, RoomId, Seq, UserId};
use tokio::{sync::Notify, time::Instant};
use tokio_util::task::TaskTracker;

use newcomers::Newcomers;
use state::Learnt;
pub(crate) use state::User;

use crate::{
    backends::{Backends, Marker, Membership},
    config::UsersConfig,
    grants::Grants,
    hub::{Epoch, Hub, Start},
    metrics,
    rates::Rates,
    session::{Scope, Session},
    steady::SteadySet,
    topics::Topics,
    views,
};

/// A young room of which the user has read nothing is followed from its beginning while it has at
/// most this many changes: what was said while they were being brought in arrives as live events.
const FOLLOWED_FROM_START_MAX: u64 = 30;

/// What an answer says is older than what is known.
struct Overtaken;

/// Whether somebody is a member, confirmed by the room service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Member,
    Gone,
}

/// The table of users with sessions here.
pub(crate) struct Users {
    config: UsersConfig,
    users: DashMap<UserId, Arc<User>>,
    backends: Backends,
    hub: Arc<Hub>,
    topics: Arc<Topics>,
    rates: Arc<Rates>,
    check: Notify,
    /// Who says which tokens still hold, if anybody does.
    grants: Option<Grants>,
    newcomers: Newcomers,
    tasks: TaskTracker,
}

impl Users {
    pub(crate) fn new(
        config: UsersConfig,
        backends: Backends,
        hub: Arc<Hub>,
        topics: Arc<Topics>,
        rates: Arc<Rates>,
    ) -> Arc<Self> {
        let grants = backends.grants().cloned();
        Arc::new(Self {
            config,
            grants,
            newcomers: Newcomers::default(),
            users: DashMap::new(),
            backends,
            hub,
            topics,
            rates,
            check: Notify::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// The user's entry with the list of memberships read: subscribed first, then read, so that no
    /// change falls in between.
    pub(crate) async fn enter(&self, id: &UserId) -> Result<Arc<User>, Fault> {
        loop {
            let user = Arc::clone(
                &self.users.entry(id.clone()).or_insert_with(|| Arc::new(User::new(id.clone()))),
            );
            let _one_at_a_time = user.loading().lock().await;
            if !user.is_loaded() {
                self.topics.add(&[Topic::User(id.clone())]).await;
                while !user.load(self.backends.memberships(id).await?) {}
            }
            if user.keep() {
                return Ok(Arc::clone(&user));
            }
        }
    }

    /// Ends a session's part in its user's entry.
    pub(crate) fn leave(&self, session: &Session) {
        if let Some(user) = self.get(session.user()) {
            user.remove_session(session.id());
        }
    }

    /// The user's standing in a room: from the cache, or asked for when it is not there.
    pub(crate) async fn membership(
        self: &Arc<Self>,
        user: &Arc<User>,
        room: RoomId,
    ) -> Result<Membership, Fault> {
        match user.membership(room) {
            Some(membership) => Ok(membership),
            None => self.admit(user, room).await,
        }
    }

    /// Reads one membership anew, and lets the user's sessions follow the room if it is new here.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        user: &Arc<User>,
        room: RoomId,
    ) -> Result<Membership, Fault> {
        loop {
            let as_of = user.version();
            let membership = self.backends.membership(user.id(), room).await?;
            match user.learn(as_of, room, Some(membership.clone())) {
                Learnt::Overtaken => continue,
                Learnt::Changed => self.follow_now(Arc::clone(user), room).await,
                Learnt::Nothing => {}
            }
            return Ok(membership);
        }
    }

    /// Registers a session that was welcomed with `known` rooms: what came and went since then is
    /// made up for.
    pub(crate) fn register(
        self: &Arc<Self>,
        user: &Arc<User>,
        session: &Arc<Session>,
        known: &SteadySet<RoomId>,
    ) {
        let Some((joined, left)) = user.add_session(session, known) else {
            // The welcome took longer than an entry is kept: the next one finds another.
            return session.outbox().close(CloseCode::TryAgain);
        };
        if self.grants.is_some() {
            // Its token was looked at before anybody listened to what becomes of it.
            self.newcomers.note(session);
        }
        for room in left {
            self.hub.unfollow(session, room);
            session.tell(&Event::Left { room });
        }
        for room in joined {
            self.follow_soon(Arc::clone(user), room);
        }
    }

    /// The user asked to leave when their list had the version `as_of`, and has left.
    pub(crate) fn left(self: &Arc<Self>, user: &Arc<User>, room: RoomId, as_of: Option<u64>) {
        let overtaken = self.dismiss(user, room, as_of).is_err();
        if overtaken && user.membership(room).is_some() {
            // They may be back already.
            let (users, user) = (Arc::clone(self), Arc::clone(user));
            self.tasks.spawn(async move { users.confirm(&user, room).await });
        }
    }

    /// The user is no longer a member, as the room service said when it was asked.
    fn dismiss(&self, user: &User, room: RoomId, as_of: Option<u64>) -> Result<(), Overtaken> {
        let learnt = user.learn(as_of, room, None);
        if learnt == Learnt::Overtaken {
            return Err(Overtaken);
        }
        self.hub.unfollow_user(user.id(), room);
        if learnt == Learnt::Changed {
            user.tell(&Event::Left { room });
        }
        Ok(())
    }

    /// Compares the versions of all lists soon.
    pub(crate) fn check_soon(&self) {
        self.check.notify_one();
    }

    /// Compares versions from time to time or when asked to, and lets users go who have had no
    /// session for a while. Runs for the life of the gateway.
    pub(crate) async fn keep_true(self: Arc<Self>) {
        loop {
            let _asked_or_due =
                tokio::time::timeout(self.config.check_interval, self.check.notified()).await;
            self.retire_idle().await;
            self.rates.forget_quiet();
            if let Err(fault) = self.check_versions().await {
                tracing::warn!(%fault, "memberships could not be compared; the lists stay as they are");
            }
            if let Err(fault) = self.check_grants().await {
                tracing::warn!(%fault, "whether tokens still hold could not be asked");
            }
        }
    }

    /// Asks whether the user is a member, as often as it takes, and carries out what follows.
    async fn confirm(self: &Arc<Self>, user: &Arc<User>, room: RoomId) -> Standing {
        loop {
            let as_of = user.version();
            match self.admit(user, room).await {
                Ok(_) => return Standing::Member,
                Err(fault) if fault.code.retryable() => {
                    tokio::time::sleep(self.config.retry).await;
                }
                Err(_) if self.dismiss(user, room, as_of).is_ok() => return Standing::Gone,
                Err(_) => {}
            }
        }
    }

    /// Lets all sessions of a user follow a room that is new to them.
    async fn follow_new(&self, user: &Arc<User>, room: RoomId) -> Result<(), Fault> {
        self.hub.prepare(&[room]).await;
        let Some(membership) = user.membership(room) else { return Ok(()) };
        let marker = Marker { room, last_read: membership.last_read };
        let heads = self.backends.heads(Some(user.id()), &[marker]).await?;
        self.hub.settle(&heads).await?;
        let Some(head) = heads.rooms.get(&room).copied() else { return Ok(()) };
        let young = head.head.rev.0 <= FOLLOWED_FROM_START_MAX && membership.last_read == Seq::ZERO;
        let from = if young { Rev::ZERO } else { head.head.rev };
        for session in user.sessions_of(room) {
            if session.follows(room) {
                continue;
            }
            session.tell(&Event::Joined(Box::new(views::welcome_room(&membership, head, from))));
            if session.scope() == Scope::All {
                self.hub.follow(&session, room, Start::After(from, Epoch::of(&heads.epoch)));
            }
        }
        if user.membership(room).is_none() {
            // They left while this was under way: whoever told so may have come too early.
            self.hub.unfollow_user(user.id(), room);
            user.tell(&Event::Left { room });
        }
        Ok(())
    }

    async fn check_versions(self: &Arc<Self>) -> Result<(), Fault> {
        const USERS_PER_CALL: usize = 10_000;

        let mut known: Vec<(UserId, u64)> = self
            .users
            .iter()
            .filter_map(|user| Some((user.id().clone(), user.version()?)))
            .collect();
        known.sort_unstable();
        for users in known.chunks(USERS_PER_CALL) {
            for changed in self.backends.changed_versions(users.to_vec()).await? {
                if let Some(user) = self.get(&changed) {
                    metrics::memberships_reread();
                    self.reread(&user).await?;
                }
            }
        }
        Ok(())
    }

    /// Reads a user's list anew and carries out the differences.
    async fn reread(self: &Arc<Self>, user: &Arc<User>) -> Result<(), Fault> {
        let list = self.backends.memberships(user.id()).await?;
        let (joined, left) = user.replace(list);
        for room in left {
            self.hub.unfollow_user(user.id(), room);
            user.tell(&Event::Left { room });
        }
        for room in joined {
            self.follow_soon(Arc::clone(user), room);
        }
        Ok(())
    }

    /// Follows a new room; what cannot be done now is done soon. Whoever asked may go away in the
    /// meantime: the other sessions of the user follow all the same.
    async fn follow_now(self: &Arc<Self>, user: Arc<User>, room: RoomId) {
        let users = Arc::clone(self);
        let followed = self.tasks.spawn(async move {
            if let Err(fault) = users.follow_new(&user, room).await {
                tracing::warn!(%fault, "following a new room has to wait");
                users.follow_soon(user, room);
            }
        });
        if let Err(error) = followed.await {
            tracing::error!(%error, "following a new room failed");
        }
    }

    /// Follows a new room in the background, as often as it takes.
    fn follow_soon(self: &Arc<Self>, user: Arc<User>, room: RoomId) {
        let users = Arc::clone(self);
        self.tasks.spawn(async move {
            while let Err(fault) = users.follow_new(&user, room).await {
                tracing::warn!(%fault, "following a new room has to wait");
                tokio::time::sleep(users.config.retry).await;
            }
        });
    }

    /// Reads a list anew in the background, as often as it takes.
    fn reread_soon(self: &Arc<Self>, user: Arc<User>) {
        let users = Arc::clone(self);
        self.tasks.spawn(async move {
            while let Err(fault) = users.reread(&user).await {
                tracing::warn!(%fault, "reading memberships has to wait");
                tokio::time::sleep(users.config.retry).await;
            }
        });
    }

    async fn retire_idle(&self) {
        let Some(before) = Instant::now().checked_sub(self.config.idle_user_kept) else { return };
        let removal = self.topics.removal().await;
        let mut retired = Vec::new();
        self.users.retain(|id, user| {
            let idle = user.retire_if_idle(before);
            if idle {
                retired.push(Topic::User(id.clone()));
            }
            !idle
        });
        if let Err(error) = removal.remove(&retired).await {
            tracing::debug!(%error, "idle users stay subscribed until the bus is back");
        }
        metrics::users(self.users.len());
    }

    /// Whether a user who is, or lately was, here is known not to be a member of a room.
    pub(crate) fn is_stranger(&self, user: &UserId, room: RoomId) -> bool {
        let user = self.get(user).filter(|user| user.is_loaded());
        user.is_some_and(|user| user.membership(room).is_none())
    }

    fn get(&self, user: &UserId) -> Option<Arc<User>> {
        self.users.get(user).map(|user| Arc::clone(&user))
    }
}

#[cfg(test)]
impl Users {
    /// Entries and tasks; none of either when nobody has been here for a while.
    pub(crate) fn held(&self) -> (usize, usize) {
        (self.users.len(), self.tasks.len())
    }
}
