//! One user's entry: their memberships as last heard, and their sessions here.

use std::{collections::hash_map, sync::Arc};

use hubbub_client_protocol::Event;
use hubbub_domain::{Role, RoomId, Seq, UserId};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{
    backends::{Membership, Memberships},
    session::{Session, SessionId},
    steady::{SteadyMap, SteadySet},
};

pub(crate) struct User {
    id: UserId,
    /// Held while the list is first read.
    loading: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

struct State {
    /// `None` until the list was read.
    version: Option<u64>,
    /// The newest version heard of while the list was being read.
    heard: u64,
    rooms: SteadyMap<RoomId, Membership>,
    sessions: Vec<Arc<Session>>,
    idle_since: Option<Instant>,
    retired: bool,
}

/// What an announced change of a membership came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Applied {
    /// Known already, or not read yet.
    Nothing,
    Joined,
    /// The role in the room is another.
    Altered(Role),
    Left,
    /// Something before it was missed: read the list anew.
    Jumped,
}

/// What an answer about one room came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Learnt {
    /// It was so already.
    Nothing,
    /// The user is a member and was not known to be, or the other way round.
    Changed,
    /// Something newer was heard meanwhile: ask again.
    Overtaken,
}

impl User {
    pub(super) fn new(id: UserId) -> Self {
        let state = State {
            version: None,
            heard: 0,
            rooms: SteadyMap::default(),
            sessions: Vec::new(),
            idle_since: Some(Instant::now()),
            retired: false,
        };
        Self { id, loading: tokio::sync::Mutex::new(()), state: Mutex::new(state) }
    }

    pub(crate) const fn id(&self) -> &UserId {
        &self.id
    }

    pub(crate) fn membership(&self, room: RoomId) -> Option<Membership> {
        self.state.lock().rooms.get(&room).cloned()
    }

    /// Whether the user is known to be a member; cheaper than [`membership`](Self::membership).
    pub(crate) fn check<T>(&self, room: RoomId, look: impl FnOnce(&Membership) -> T) -> Option<T> {
        self.state.lock().rooms.get(&room).map(look)
    }

    /// All memberships, most recently joined first.
    pub(crate) fn memberships(&self) -> Vec<Membership> {
        let mut rooms: Vec<_> = self.state.lock().rooms.values().cloned().collect();
        rooms.sort_unstable_by_key(|room| std::cmp::Reverse((room.joined_at, room.room)));
        rooms
    }

    /// Registers a session that knows of some rooms. From here on it hears of every change; which
    /// rooms it does not know of yet, and which are no longer the user's. `None` when the entry was
    /// retired meanwhile: nobody would tell the session anything.
    pub(super) fn add_session(
        &self,
        session: &Arc<Session>,
        known: &SteadySet<RoomId>,
    ) -> Option<(Vec<RoomId>, Vec<RoomId>)> {
        let mut state = self.state.lock();
        if state.retired {
            return None;
        }
        state.idle_since = None;
        state.sessions.push(Arc::clone(session));
        let joined = state.rooms.keys().filter(|room| !known.contains(room)).copied().collect();
        let left = known.iter().filter(|room| !state.rooms.contains_key(room)).copied().collect();
        Some((joined, left))
    }

    pub(super) fn remove_session(&self, session: SessionId) {
        let mut state = self.state.lock();
        state.sessions.retain(|known| known.id() != session);
        if state.sessions.is_empty() {
            state.idle_since = Some(Instant::now());
        }
    }

    /// Tells all of the user's sessions here.
    pub(super) fn tell(&self, event: &Event) {
        for session in &self.state.lock().sessions {
            session.tell(event);
        }
    }

    pub(super) fn sessions(&self) -> Vec<Arc<Session>> {
        self.state.lock().sessions.clone()
    }

    /// The sessions that may follow a room: none when the user has left it meanwhile.
    pub(super) fn sessions_of(&self, room: RoomId) -> Vec<Arc<Session>> {
        let state = self.state.lock();
        if state.rooms.contains_key(&room) { state.sessions.clone() } else { Vec::new() }
    }

    pub(super) const fn loading(&self) -> &tokio::sync::Mutex<()> {
        &self.loading
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.version().is_some()
    }

    pub(crate) fn version(&self) -> Option<u64> {
        self.state.lock().version
    }

    /// Takes the list as first read. False when a newer version was announced meanwhile: read again.
    pub(super) fn load(&self, list: Memberships) -> bool {
        let mut state = self.state.lock();
        if list.version < state.heard {
            return false;
        }
        state.version = Some(list.version);
        state.rooms = by_room(list);
        true
    }

    /// Takes the list as read anew; who joined and who left since.
    pub(super) fn replace(&self, list: Memberships) -> (Vec<RoomId>, Vec<RoomId>) {
        let mut state = self.state.lock();
        if state.version.is_some_and(|known| list.version < known) {
            return (Vec::new(), Vec::new());
        }
        state.version = Some(list.version);
        let rooms = by_room(list);
        let before = std::mem::replace(&mut state.rooms, rooms);
        let joined =
            state.rooms.keys().filter(|room| !before.contains_key(room)).copied().collect();
        let left = before.into_keys().filter(|room| !state.rooms.contains_key(room)).collect();
        (joined, left)
    }

    /// Takes an announced change.
    pub(super) fn apply(
        &self,
        version: u64,
        room: RoomId,
        membership: Option<Membership>,
    ) -> Applied {
        let mut state = self.state.lock();
        let Some(known) = state.version else {
            state.heard = state.heard.max(version);
            return Applied::Nothing;
        };
        if version <= known {
            return Applied::Nothing;
        }
        if version > known + 1 {
            return Applied::Jumped;
        }
        state.version = Some(version);
        match membership {
            None if state.rooms.remove(&room).is_some() => Applied::Left,
            None => Applied::Nothing,
            Some(membership) => match state.rooms.entry(room) {
                hash_map::Entry::Vacant(entry) => {
                    entry.insert(membership);
                    Applied::Joined
                }
                hash_map::Entry::Occupied(mut entry) => {
                    let role = membership.role;
                    let before = entry.insert(membership).role;
                    if before == role { Applied::Nothing } else { Applied::Altered(role) }
                }
            },
        }
    }

    /// Takes an answer about one room that was asked for when the list had the version `as_of`. When
    /// the list has learnt something since, the answer may be the older of the two: it has to be
    /// asked for again.
    pub(super) fn learn(
        &self,
        as_of: Option<u64>,
        room: RoomId,
        membership: Option<Membership>,
    ) -> Learnt {
        let mut state = self.state.lock();
        if state.version != as_of {
            return Learnt::Overtaken;
        }
        let is_member = membership.is_some();
        let before = match membership {
            Some(membership) => state.rooms.insert(room, membership),
            None => state.rooms.remove(&room),
        };
        if before.is_some() == is_member { Learnt::Nothing } else { Learnt::Changed }
    }

    /// Changes what is known of a room, if the user is a member.
    pub(crate) fn update(&self, room: RoomId, change: impl FnOnce(&mut Membership)) {
        if let Some(membership) = self.state.lock().rooms.get_mut(&room) {
            change(membership);
        }
    }

    /// Moves the read marker forward.
    pub(crate) fn note_read(&self, room: RoomId, seq: Seq) {
        self.update(room, |membership| membership.last_read = membership.last_read.max(seq));
    }

    /// Puts off retirement: a session is about to come. False when it is too late.
    pub(super) fn keep(&self) -> bool {
        let mut state = self.state.lock();
        if state.sessions.is_empty() {
            state.idle_since = Some(Instant::now());
        }
        !state.retired
    }

    /// Retires the entry when it has had no session since `before`.
    pub(super) fn retire_if_idle(&self, before: Instant) -> bool {
        let mut state = self.state.lock();
        let idle = state.idle_since.is_some_and(|since| since <= before);
        state.retired |= idle;
        idle
    }
}

fn by_room(list: Memberships) -> SteadyMap<RoomId, Membership> {
    list.rooms.into_iter().map(|membership| (membership.room, membership)).collect()
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{Role, RoomId, RoomKind, RoomState, Seq, Timestamp, UserId};

    use super::{Applied, Learnt, User};
    use crate::backends::{Membership, Memberships};

    fn membership(room: RoomId) -> Membership {
        Membership {
            room,
            kind: RoomKind::Group,
            state: RoomState::Open,
            slow_mode_seconds: 0,
            role: Role::Member,
            last_read: Seq::ZERO,
            joined_at: Timestamp::default(),
            muted: false,
            pinned: false,
            peer: None,
            name: "".into(),
            blocked: false,
        }
    }

    fn user() -> User {
        User::new(UserId::parse("alice").expect("valid"))
    }

    #[test]
    fn versions_tell_what_was_missed() {
        let (user, room) = (user(), RoomId::generate());
        assert_eq!(user.apply(5, room, None), Applied::Nothing, "not read yet");
        assert!(!user.load(Memberships { rooms: vec![], version: 4 }), "older than what was heard");
        assert!(user.load(Memberships { rooms: vec![], version: 5 }));
        assert_eq!(user.apply(5, room, Some(membership(room))), Applied::Nothing);
        assert_eq!(user.apply(6, room, Some(membership(room))), Applied::Joined);
        assert_eq!(user.apply(8, room, None), Applied::Jumped);
        assert_eq!(user.apply(7, room, None), Applied::Left);
        assert!(user.membership(room).is_none());
    }

    #[test]
    fn an_answer_that_was_overtaken_is_asked_for_again() {
        let (user, room) = (user(), RoomId::generate());
        assert!(user.load(Memberships { rooms: vec![membership(room)], version: 5 }));
        let as_of = user.version();
        assert_eq!(user.apply(6, room, None), Applied::Left);
        assert_eq!(user.learn(as_of, room, Some(membership(room))), Learnt::Overtaken);
        assert!(user.membership(room).is_none(), "who left is not let in by an old answer");
        let as_of = user.version();
        assert_eq!(user.apply(7, room, Some(membership(room))), Applied::Joined);
        assert_eq!(user.learn(as_of, room, None), Learnt::Overtaken);
        assert_eq!(user.learn(user.version(), room, None), Learnt::Changed);
        assert_eq!(user.learn(user.version(), room, None), Learnt::Nothing);
    }

    #[test]
    fn an_older_list_changes_nothing() {
        let (user, room) = (user(), RoomId::generate());
        assert!(user.load(Memberships { rooms: vec![membership(room)], version: 5 }));
        let older = Memberships { rooms: vec![], version: 4 };
        assert_eq!(user.replace(older), (vec![], vec![]));
        let newer = Memberships { rooms: vec![], version: 6 };
        assert_eq!(user.replace(newer), (vec![], vec![room]));
    }
}
