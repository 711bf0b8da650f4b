//! Who may watch whom: those who share a room, while neither blocks the other. Of others, and of those who
//! do not exist, all that is ever told is `unknown`.
//!
//! The room service knows. It is asked when somebody wants to watch, and again now and then; a new block
//! is told on the presence topics of the two, and holds at once. An answer that a block has overtaken lets
//! nobody in. What the room service last said is believed for a few intervals; after that, as long as
//! it does not answer, everybody is `unknown`.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
};

use hubbub_domain::{Fault, UserId};
use hubbub_proto::bus::v1::BlockChanged;

use super::{super::Presences, Table, tell, unknown};
use crate::session::{Session, SessionId};

/// Intervals for which an answer is believed while there is no newer one.
const BELIEVED_INTERVALS: u32 = 3;
/// Times that somebody is asked about anew because of blocks that came in between.
const ATTEMPTS_MAX: u32 = 5;

type Pair = (Arc<Session>, UserId);

impl Presences {
    /// Lets a session watch those of the users whom it may see; which.
    pub(super) async fn watch_allowed(
        &self,
        session: &Arc<Session>,
        users: &[UserId],
    ) -> Result<HashSet<UserId>, Fault> {
        for _ in 0..ATTEMPTS_MAX {
            let before = self.watches.0.lock().partings;
            let allowed: HashSet<UserId> =
                self.visible(session.user(), users).await?.into_iter().collect();
            let mut table = self.watches.0.lock();
            if session.has_ended() {
                return Ok(HashSet::new());
            }
            if table.partings == before {
                table.watch(session, users.to_vec(), &allowed);
                return Ok(allowed);
            }
        }
        Err(Fault::unavailable("who may be watched changes faster than it can be asked"))
    }

    /// Those of the users whom somebody may see.
    pub(super) async fn visible(
        &self,
        me: &UserId,
        users: &[UserId],
    ) -> Result<Vec<UserId>, Fault> {
        let pairs: Vec<_> = users.iter().map(|user| (me.clone(), user.clone())).collect();
        if pairs.is_empty() {
            return Ok(Vec::new());
        }
        let acquainted = self.on.backends.acquainted(&pairs).await?;
        let seen = users.iter().zip(acquainted);
        Ok(seen.filter(|(user, may)| *may || *user == me).map(|(user, _)| user.clone()).collect())
    }

    /// Two people block each other, one the other, or no longer.
    pub(crate) fn block_changed(self: &Arc<Self>, changed: &BlockChanged) -> Result<(), Fault> {
        let both = [UserId::parse(&changed.user_id)?, UserId::parse(&changed.peer_id)?];
        let mut table = self.watches.0.lock();
        let pairs = table.pairs_between(&both);
        if changed.blocked {
            table.partings += 1;
            for (session, user) in &pairs {
                table.part(session, user);
            }
        }
        if !pairs.is_empty() {
            let presences = Arc::clone(self);
            self.tasks.spawn(async move {
                if let Err(fault) = presences.check_pairs(pairs).await {
                    tracing::debug!(%fault, "who may see each other again is asked later");
                }
            });
        }
        Ok(())
    }

    /// Whether people who watch each other still may, and whether others may now.
    pub(super) async fn check_acquaintance(&self) {
        match self.check_pairs(self.watches.pairs()).await {
            Ok(()) => {
                self.unanswered.store(0, Ordering::Relaxed);
                self.watches.0.lock().estranged = false;
            }
            Err(fault) => {
                let intervals = self.unanswered.fetch_add(1, Ordering::Relaxed) + 1;
                tracing::debug!(%fault, intervals, "nobody says who may see whom");
                if intervals >= BELIEVED_INTERVALS {
                    self.watches.0.lock().estranged = true;
                    self.watches.all_unknown();
                }
            }
        }
    }

    async fn check_pairs(&self, wanted: Vec<Pair>) -> Result<(), Fault> {
        let pairs: Vec<_> =
            wanted.iter().map(|(session, user)| (session.user().clone(), user.clone())).collect();
        let before = self.watches.0.lock().partings;
        let acquainted = self.on.backends.acquainted(&pairs).await?;
        let mut new: HashMap<SessionId, (Arc<Session>, HashSet<UserId>)> = HashMap::new();
        {
            let mut table = self.watches.0.lock();
            let overtaken = table.partings != before;
            for ((session, user), acquainted) in wanted.into_iter().zip(acquainted) {
                if !acquainted && *session.user() != user {
                    table.part(&session, &user);
                } else if !overtaken && table.meet(&session, &user) {
                    let entry = new.entry(session.id());
                    entry.or_insert_with(|| (session, HashSet::new())).1.insert(user);
                }
            }
        }
        for (session, users) in new.into_values() {
            self.listen_and_look(&users).await;
            for user in &users {
                let view = self.watches.0.lock().view(session.id(), user);
                tell([&session], &view);
            }
        }
        Ok(())
    }
}

impl Table {
    /// The session may no longer see the user: it is told so, if it did.
    fn part(&mut self, session: &Arc<Session>, user: &UserId) {
        if self.users.get(user).is_some_and(|it| it.is_watched_by(session.id())) {
            self.unwatch(session.id(), std::iter::once(user));
            tell([session], &unknown(user));
        }
    }

    /// The session may see the user, whom it wants to watch. True when it could not before.
    fn meet(&mut self, session: &Arc<Session>, user: &UserId) -> bool {
        let listed = self.lists.get(&session.id());
        let listed = listed.is_some_and(|list| list.wanted.contains(user));
        let watched = self.users.get(user).is_some_and(|it| it.is_watched_by(session.id()));
        if !listed || watched {
            return false;
        }
        let watchers = &mut self.users.entry(user.clone()).or_default().watchers;
        watchers.push(Arc::clone(session));
        true
    }

    /// The sessions of each of two people that want to watch the other.
    fn pairs_between(&self, [one, other]: &[UserId; 2]) -> Vec<Pair> {
        let wanted = |session: &Arc<Session>, user: &UserId| (Arc::clone(session), user.clone());
        let pair = |list: &super::List| {
            let peer = match list.session.user() {
                me if me == one => other,
                me if me == other => one,
                _ => return None,
            };
            list.wanted.contains(peer).then(|| wanted(&list.session, peer))
        };
        self.lists.values().filter_map(pair).collect()
    }
}
