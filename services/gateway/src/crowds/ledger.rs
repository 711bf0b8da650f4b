//! Who looks at which room from here, and whom of this gateway the cluster's state was told of.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    Crowd, Duration, Event, Fleeting, GLANCE, Instant, LEAVING_MAX, RoomId, Session, SessionId,
    UserId, WANTED_INTERVAL, WHOLE_AFTER, tell_all,
};
use crate::steady::SteadyMap;

pub(super) struct Ledger {
    /// Rooms looked at from here. Of one more nothing is said.
    looks_max: usize,
    looks: SteadyMap<RoomId, Look>,
    lists: SteadyMap<SessionId, Vec<RoomId>>,
    wanted: SteadyMap<RoomId, Wanted>,
    leaving: HashMap<UserId, (Instant, HashSet<RoomId>)>,
}

/// A room that somebody looks at from here.
struct Look {
    watchers: Vec<Arc<Session>>,
    /// Whoever asked only once may ask again until then.
    glanced: Instant,
    /// When the other gateways were last told.
    said: Option<Instant>,
    /// What is counted is whole from then on.
    whole_at: Instant,
    online: Option<u64>,
}

/// A room that somebody looks at from anywhere.
struct Wanted {
    until: Instant,
    /// Who is there of this gateway, and when that was last written.
    written: HashMap<UserId, Instant>,
}

/// What is to be written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moves {
    pub(super) came: Vec<Crowd>,
    pub(super) went: Vec<Crowd>,
}

impl Ledger {
    pub(super) fn new(looks_max: usize) -> Self {
        Self {
            looks_max,
            looks: SteadyMap::default(),
            lists: SteadyMap::default(),
            wanted: SteadyMap::default(),
            leaving: HashMap::default(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.looks.is_empty() && self.wanted.is_empty() && self.leaving.is_empty()
    }

    pub(super) fn glance(&mut self, rooms: &[RoomId]) -> Vec<Option<u64>> {
        let glanced = Instant::now() + GLANCE;
        let known = rooms.iter().map(|room| {
            let look = self.look(*room)?;
            look.glanced = glanced;
            look.online
        });
        known.collect()
    }

    pub(super) fn watch(&mut self, session: &Arc<Session>, rooms: &[RoomId]) {
        self.look_away(session.id());
        if session.has_ended() {
            return;
        }
        for room in rooms {
            if let Some(look) = self.look(*room) {
                look.watchers.push(Arc::clone(session));
            }
        }
        if !rooms.is_empty() {
            self.lists.insert(session.id(), rooms.to_vec());
        }
    }

    pub(super) fn look_away(&mut self, session: SessionId) {
        for room in self.lists.remove(&session).unwrap_or_default() {
            if let Some(look) = self.looks.get_mut(&room) {
                look.watchers.retain(|watcher| watcher.id() != session);
            }
        }
    }

    fn look(&mut self, room: RoomId) -> Option<&mut Look> {
        if self.looks.len() >= self.looks_max && !self.looks.contains_key(&room) {
            return None;
        }
        let now = Instant::now();
        Some(self.looks.entry(room).or_insert_with(|| Look {
            watchers: Vec::new(),
            glanced: now,
            said: None,
            whole_at: now + WHOLE_AFTER,
            online: None,
        }))
    }

    pub(super) fn want(&mut self, room: RoomId, ttl: Duration) {
        let until = Instant::now() + ttl;
        let wanted = self.wanted.entry(room);
        let wanted = wanted.or_insert_with(|| Wanted { until, written: HashMap::new() });
        wanted.until = until.max(wanted.until);
    }

    /// The rooms looked at from here of which the others are to be told again. Those that nobody
    /// looks at any more are forgotten.
    pub(super) fn due(&mut self) -> Vec<RoomId> {
        let now = Instant::now();
        self.looks.retain(|_, look| !look.watchers.is_empty() || look.glanced > now);
        let mut due = Vec::new();
        for (room, look) in &mut self.looks {
            if look.said.is_none_or(|said| now.duration_since(said) >= WANTED_INTERVAL) {
                look.said = Some(now);
                due.push(*room);
            }
        }
        for room in &due {
            // Whether this gateway hears itself depends on who follows the room here.
            self.want(*room, super::WANTED_TTL);
        }
        due
    }

    /// The rooms looked at from anywhere. What was written of others is remembered for as long as it
    /// holds.
    pub(super) fn wanted(&mut self, ttl: Duration) -> Vec<RoomId> {
        let now = Instant::now();
        self.wanted.retain(|_, wanted| wanted.until + ttl > now);
        let now_wanted = self.wanted.iter().filter(|(_, wanted)| wanted.until > now);
        now_wanted.map(|(room, _)| *room).collect()
    }

    /// Those who are here now, against those who were written.
    pub(super) fn compare(
        &mut self,
        room: RoomId,
        here: HashSet<UserId>,
        renew_interval: Duration,
        moves: &mut Moves,
    ) {
        let Some(Wanted { written, .. }) = self.wanted.get_mut(&room) else { return };
        let now = Instant::now();
        let went: Vec<UserId> =
            written.extract_if(|user, _| !here.contains(user)).map(|(user, _)| user).collect();
        if !went.is_empty() {
            moves.went.push(Crowd { room, users: went });
        }
        let mut came = Vec::new();
        for user in here {
            let at = written.get(&user);
            if at.is_none_or(|at| now.duration_since(*at) >= renew_interval) {
                written.insert(user.clone(), now);
                came.push(user);
            }
        }
        if !came.is_empty() {
            moves.came.push(Crowd { room, users: came });
        }
    }

    pub(super) fn note_leaving(&mut self, crowds: &[Crowd], until: Instant) {
        for Crowd { room, users } in crowds {
            for user in users {
                if self.leaving.len() >= LEAVING_MAX && !self.leaving.contains_key(user) {
                    continue;
                }
                let (ends, rooms) =
                    self.leaving.entry(user.clone()).or_insert_with(|| (until, HashSet::new()));
                *ends = until;
                rooms.insert(*room);
            }
        }
    }

    /// Who may turn out to be offline.
    pub(super) fn leaving(&mut self) -> Vec<UserId> {
        let now = Instant::now();
        self.leaving.retain(|_, (until, _)| *until > now);
        self.leaving.keys().cloned().collect()
    }

    /// Those of the leaving who are offline, by room.
    pub(super) fn take_leaving(&mut self, offline: &HashSet<UserId>) -> Vec<Crowd> {
        let mut gone: HashMap<RoomId, Vec<UserId>> = HashMap::new();
        for (user, (_, rooms)) in self.leaving.extract_if(|user, _| offline.contains(user)) {
            for room in rooms {
                gone.entry(room).or_default().push(user.clone());
            }
        }
        gone.into_iter().map(|(room, users)| Crowd { room, users }).collect()
    }

    pub(super) fn looked_at(&self) -> Vec<RoomId> {
        self.looks.keys().copied().collect()
    }

    /// Takes what was counted, and tells those who look what is new. Of a room that was not counted
    /// nobody can say anything.
    pub(super) fn learn(&mut self, sizes: &HashMap<RoomId, u64>) {
        let now = Instant::now();
        for (room, look) in &mut self.looks {
            let online = sizes.get(room).copied().filter(|_| look.whole_at <= now);
            if look.online != online {
                look.online = online;
                let event = Event::RoomOnline { room: *room, online };
                tell_all(&look.watchers, &Fleeting::RoomOnline(*room), &event);
            }
        }
    }

    /// All is to be written again, and is whole once every gateway has done so.
    pub(super) fn forget_written(&mut self) {
        let whole_at = Instant::now() + WHOLE_AFTER;
        self.wanted.values_mut().for_each(|wanted| wanted.written.clear());
        self.looks.values_mut().for_each(|look| look.whole_at = whole_at);
    }
}

#[cfg(test)]
mod tests {
    const LOOKS_MAX: usize = 100;
    use std::{collections::HashSet, time::Duration};

    use hubbub_domain::{RoomId, UserId};

    use super::{Crowd, GLANCE, Ledger, Moves, WHOLE_AFTER};

    const TTL: Duration = Duration::from_secs(30);
    const RENEWED: Duration = Duration::from_secs(10);

    fn users(names: &[&str]) -> HashSet<UserId> {
        names.iter().map(|name| UserId::parse(name).expect("valid")).collect()
    }

    fn moved(ledger: &mut Ledger, room: RoomId, here: &[&str]) -> [Vec<String>; 2] {
        let mut moves = Moves::default();
        ledger.compare(room, users(here), RENEWED, &mut moves);
        let names = |crowds: Vec<Crowd>| {
            let users = crowds.into_iter().flat_map(|crowd| crowd.users);
            let mut names: Vec<String> = users.map(|user| user.to_string()).collect();
            names.sort();
            names
        };
        [names(moves.came), names(moves.went)]
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_here_is_written_once_and_renewed() {
        let (mut ledger, room) = (Ledger::new(LOOKS_MAX), RoomId::generate());
        let nobody = || -> [Vec<String>; 2] { [vec![], vec![]] };
        assert_eq!(moved(&mut ledger, room, &["ann"]), nobody(), "nobody looks");
        ledger.want(room, Duration::from_secs(40));
        assert_eq!(ledger.wanted(TTL), [room]);
        assert_eq!(moved(&mut ledger, room, &["ann", "ben"])[0], ["ann", "ben"]);
        assert_eq!(moved(&mut ledger, room, &["ann", "ben"]), nobody());
        assert_eq!(moved(&mut ledger, room, &["ann"])[1], ["ben"]);
        tokio::time::advance(RENEWED).await;
        assert_eq!(moved(&mut ledger, room, &["ann"])[0], ["ann"]);
        ledger.forget_written();
        assert_eq!(moved(&mut ledger, room, &["ann"])[0], ["ann"]);
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(ledger.wanted(TTL), []);
        // Looked at again before its time: who went meanwhile is known.
        ledger.want(room, Duration::from_secs(10));
        assert_eq!(moved(&mut ledger, room, &[])[1], ["ann"]);
        tokio::time::advance(Duration::from_secs(41)).await;
        assert_eq!(ledger.wanted(TTL), []);
        assert!(ledger.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_counted_is_believed_once_it_is_whole_and_forgotten_when_nobody_looks() {
        let (mut ledger, room) = (Ledger::new(LOOKS_MAX), RoomId::generate());
        assert_eq!(ledger.glance(&[room]), [None]);
        assert_eq!(ledger.due(), [room]);
        assert_eq!(ledger.due(), [], "said already");
        ledger.learn(&[(room, 7)].into());
        assert_eq!(ledger.glance(&[room]), [None], "others may not have said who is there");
        tokio::time::advance(WHOLE_AFTER).await;
        ledger.learn(&[(room, 8)].into());
        assert_eq!(ledger.glance(&[room]), [Some(8)]);
        ledger.learn(&[].into());
        assert_eq!(ledger.glance(&[room]), [None], "nobody can say");
        tokio::time::advance(GLANCE).await;
        assert_eq!(ledger.due(), []);
        assert!(ledger.looked_at().is_empty());
        let many: Vec<RoomId> = (0..=LOOKS_MAX).map(|_| RoomId::generate()).collect();
        ledger.glance(&many);
        assert_eq!(ledger.looked_at().len(), LOOKS_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_leaving_is_gone_when_offline_or_forgotten() {
        let (mut ledger, room) = (Ledger::new(LOOKS_MAX), RoomId::generate());
        let crowd = [Crowd { room, users: users(&["ann", "ben"]).into_iter().collect() }];
        ledger.note_leaving(&crowd, super::Instant::now() + TTL);
        assert_eq!(ledger.leaving().len(), 2);
        let gone = ledger.take_leaving(&users(&["ann"]));
        let ann = users(&["ann"]).into_iter().collect();
        assert_eq!(gone, [Crowd { room, users: ann }]);
        tokio::time::advance(TTL).await;
        assert!(ledger.leaving().is_empty());
    }
}
