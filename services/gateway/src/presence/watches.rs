//! Whom the sessions here watch, and what they were told of them.
//!
//! What was told on the bus and lost is found when the watched are looked up again, now and then or when
//! the bus says so. Who may watch whom is the matter of [`acquaintance`].

mod acquaintance;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use hubbub_bus::Topic;
use hubbub_client_protocol::{Event, PresenceState, PresenceView, Watched};
use hubbub_domain::{Fault, UserId};
use hubbub_ephemeral::{Availability, Presence};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use super::Presences;
use crate::{
    session::{Fleeting, Session, SessionId, tell_all},
    steady::SteadyMap,
};

#[derive(Default)]
pub(super) struct Watches(Mutex<Table>);

#[derive(Default)]
struct Table {
    users: HashMap<UserId, Subject>,
    lists: SteadyMap<SessionId, List>,
    /// Rises when somebody may see somebody else no longer: answers from before do not hold.
    partings: u64,
    /// For too long nobody could say who may see whom: nothing is told.
    estranged: bool,
}

/// Somebody who is watched, or was a moment ago.
#[derive(Default)]
struct Subject {
    watchers: Vec<Arc<Session>>,
    /// None: unknown, and told so.
    known: Option<Presence>,
    /// The bus confirmed their topic.
    listened_to: bool,
}

/// What a session asked for.
struct List {
    session: Arc<Session>,
    wanted: Vec<UserId>,
}

impl Watches {
    /// The session watches nobody any more.
    pub(super) fn forget(&self, session: SessionId) {
        let mut table = self.0.lock();
        if let Some(list) = table.lists.remove(&session) {
            table.unwatch(session, list.wanted.iter());
        }
    }

    /// Takes what was told of somebody, if it is newer, and passes it on.
    pub(super) fn heard(&self, presence: Presence) {
        let mut table = self.0.lock();
        if table.estranged {
            return;
        }
        let Some(subject) = table.users.get_mut(&presence.user) else { return };
        if subject.known.as_ref().is_none_or(|known| presence.version > known.version) {
            subject.learn(presence);
        }
    }

    /// Takes what was read; `before` are the versions known when the reading began. A record that is
    /// gone has no version: it is believed unless something was heard meanwhile.
    fn read(&self, presences: Vec<Presence>, before: &HashMap<UserId, Option<u64>>) {
        let mut table = self.0.lock();
        if table.estranged {
            return;
        }
        for presence in presences {
            let Some(subject) = table.users.get_mut(&presence.user) else { continue };
            let known = subject.known.as_ref().map(|known| known.version);
            let unchanged = before.get(&presence.user).is_none_or(|before| *before == known);
            let newer = known.is_none_or(|known| presence.version > known);
            if newer || (presence.version == 0 && unchanged) {
                subject.learn(presence);
            }
        }
    }

    /// Nobody knows anything: whoever watches is told so, once.
    pub(super) fn all_unknown(&self) {
        for (user, subject) in &mut self.0.lock().users {
            if subject.known.take().is_some() {
                subject.tell(&unknown(user));
            }
        }
    }

    /// Everybody who is watched, with the version known.
    fn versions(&self) -> HashMap<UserId, Option<u64>> {
        let table = self.0.lock();
        let watched = table.users.iter().filter(|(_, subject)| !subject.watchers.is_empty());
        let version = |subject: &Subject| subject.known.as_ref().map(|known| known.version);
        watched.map(|(user, subject)| (user.clone(), version(subject))).collect()
    }

    /// Who wants to see whom.
    fn pairs(&self) -> Vec<(Arc<Session>, UserId)> {
        let table = self.0.lock();
        let lists = table.lists.values();
        lists
            .flat_map(|list| {
                list.wanted.iter().map(|user| (Arc::clone(&list.session), user.clone()))
            })
            .collect()
    }
}

impl Table {
    /// Replaces a session's list; of those it wants it watches the `allowed`.
    fn watch(&mut self, session: &Arc<Session>, wanted: Vec<UserId>, allowed: &HashSet<UserId>) {
        if let Some(list) = self.lists.remove(&session.id()) {
            self.unwatch(session.id(), list.wanted.iter().filter(|user| !allowed.contains(user)));
        }
        for user in allowed {
            let watchers = &mut self.users.entry(user.clone()).or_default().watchers;
            if !watchers.iter().any(|watcher| watcher.id() == session.id()) {
                watchers.push(Arc::clone(session));
            }
        }
        if !wanted.is_empty() {
            self.lists.insert(session.id(), List { session: Arc::clone(session), wanted });
        }
    }

    fn unwatch<'a>(&mut self, session: SessionId, users: impl Iterator<Item = &'a UserId>) {
        for user in users {
            if let Some(subject) = self.users.get_mut(user) {
                subject.watchers.retain(|watcher| watcher.id() != session);
            }
        }
    }

    /// As a session sees a user now.
    fn view(&self, session: SessionId, user: &UserId) -> PresenceView {
        let subject = self.users.get(user).filter(|subject| subject.is_watched_by(session));
        let known = subject.and_then(|subject| subject.known.as_ref());
        known.map_or_else(|| unknown(user), view)
    }
}

impl Subject {
    fn is_watched_by(&self, session: SessionId) -> bool {
        self.watchers.iter().any(|watcher| watcher.id() == session)
    }

    /// Says what is new; a version that only rose is not.
    fn learn(&mut self, presence: Presence) {
        let said = self.known.as_ref().map(|known| known.availability);
        if said != Some(presence.availability) {
            self.tell(&view(&presence));
        }
        self.known = Some(presence);
    }

    fn tell(&self, view: &PresenceView) {
        tell(&self.watchers, view);
    }
}

impl Presences {
    /// Replaces whom a session watches, and answers how they are.
    pub(crate) async fn watch(
        &self,
        session: &Arc<Session>,
        users: Vec<UserId>,
    ) -> Result<Watched, Fault> {
        let users = self.checked(users)?;
        let allowed = self.watch_allowed(session, &users).await?;
        self.listen_and_look(&allowed).await;
        let table = self.watches.0.lock();
        let views = users.iter().map(|user| table.view(session.id(), user));
        Ok(Watched { users: views.collect() })
    }

    /// How some users are, for somebody without a session.
    pub(crate) async fn look_up(&self, me: &UserId, users: Vec<UserId>) -> Result<Watched, Fault> {
        let users = self.checked(users)?;
        let visible = self.visible(me, &users).await?;
        let known = self.read(&visible).await.unwrap_or_default();
        let known: HashMap<UserId, PresenceView> =
            known.iter().map(|presence| (presence.user.clone(), view(presence))).collect();
        let view = |user| known.get(user).cloned().unwrap_or_else(|| unknown(user));
        Ok(Watched { users: users.iter().map(view).collect() })
    }

    /// Looks up everybody who is watched, now and then or when asked to; who may watch whom, more
    /// seldom. Runs for the life of the gateway.
    pub(crate) async fn keep_watches_true(self: Arc<Self>) {
        let mut checked = Instant::now();
        loop {
            let pause = self.on.jitter.scale(self.config.look_interval, 0.75..1.0);
            if timeout(pause, self.look_again.notified()).await.is_ok() {
                let settled_at = *self.settled_at.lock();
                tokio::time::sleep_until(settled_at).await;
            }
            self.forget_unwatched().await;
            if checked.elapsed() >= self.config.acquaintance_interval {
                checked = Instant::now();
                self.check_acquaintance().await;
            }
            self.look().await;
        }
    }

    async fn look(&self) {
        let before = self.watches.versions();
        let users: Vec<UserId> = before.keys().cloned().collect();
        match self.read(&users).await {
            Ok(presences) => self.watches.read(presences, &before),
            Err(_) => self.watches.all_unknown(),
        }
    }

    /// Listens first, then looks: what changes in between is heard.
    async fn listen_and_look(&self, users: &HashSet<UserId>) {
        let new: Vec<UserId> = {
            let table = self.watches.0.lock();
            let is_new = |user: &&UserId| !table.users.get(*user).is_some_and(|it| it.listened_to);
            users.iter().filter(is_new).cloned().collect()
        };
        let topics: Vec<Topic> = new.iter().cloned().map(Topic::Presence).collect();
        self.on.topics.add(&topics).await;
        let mut before = self.watches.versions();
        before.retain(|user, version| users.contains(user) && version.is_none());
        let unknown: Vec<UserId> = before.keys().cloned().collect();
        if let Ok(presences) = self.read(&unknown).await {
            let mut table = self.watches.0.lock();
            let estranged = table.estranged;
            for presence in presences {
                // Not told: the answer tells it to the one who asked; others were told `unknown` and
                // are told with the next look.
                if let Some(subject) = table.users.get_mut(&presence.user) {
                    if subject.watchers.len() > 1 && !estranged {
                        if subject.known.is_none() {
                            subject.learn(presence);
                        }
                    } else {
                        subject.known.get_or_insert(presence);
                    }
                }
            }
        }
        let mut table = self.watches.0.lock();
        for user in &new {
            if let Some(subject) = table.users.get_mut(user) {
                subject.listened_to = true;
            }
        }
    }

    /// Stops listening for those whom nobody watches any more.
    async fn forget_unwatched(&self) {
        let removal = self.on.topics.removal().await;
        let mut topics = Vec::new();
        self.watches.0.lock().users.retain(|user, subject| {
            let watched = !subject.watchers.is_empty();
            if !watched {
                topics.push(Topic::Presence(user.clone()));
            }
            watched
        });
        if let Err(error) = removal.remove(&topics).await {
            tracing::debug!(%error, "topics nobody needs stay subscribed until the bus is back");
        }
    }

    /// Each once, and not too many.
    fn checked(&self, users: Vec<UserId>) -> Result<Vec<UserId>, Fault> {
        let max = self.config.watched_max;
        if users.len() > max {
            return Err(Fault::new(
                hubbub_domain::Code::LimitReached,
                format!("users has more than {max} entries"),
            ));
        }
        let mut known = HashSet::new();
        Ok(users.into_iter().filter(|user| known.insert(user.clone())).collect())
    }
}

fn tell<'a>(sessions: impl IntoIterator<Item = &'a Arc<Session>>, view: &PresenceView) {
    let about = Fleeting::Presence(view.user.clone());
    let event = Event::Presence(view.clone());
    tell_all(sessions, &about, &event);
}

fn view(presence: &Presence) -> PresenceView {
    let state = match presence.availability {
        Availability::Online => PresenceState::Online,
        Availability::Away => PresenceState::Away,
        Availability::Offline => PresenceState::Offline,
    };
    let Presence { user, version, last_seen, .. } = presence.clone();
    PresenceView { user, state, version, last_seen }
}

fn unknown(user: &UserId) -> PresenceView {
    let user = user.clone();
    PresenceView { user, state: PresenceState::Unknown, version: 0, last_seen: None }
}
