//! Who types in which room, as this gateway has heard: told to the others in the room, and ended by a
//! word, by a message, or by its time.
//!
//! What a room's followers were told last is kept beside what holds now; a room is told the difference,
//! at most once in a while. So however many words arrive about somebody, the others are told what it came
//! to. The time of a typist ends in every gateway by itself: nobody has to say it for the dead.

use std::{cell::OnceCell, collections::HashMap, sync::Arc, time::Duration};

use hubbub_bus::Topic;
use hubbub_client_protocol::Event;
use hubbub_domain::{Fault, RoomId, UserId};
use hubbub_ephemeral::{Ephemeral, TYPISTS_MAX, Typist};
use hubbub_proto::bus::v1::{self as wire, envelope};
use parking_lot::Mutex;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use crate::{
    config::TypingConfig,
    hub::Hub,
    session::{Fleeting, tell_all},
    steady::SteadyMap,
    tidings::Tidings,
};

/// How long a request waits for the cluster's state: who types is not worth more.
const PATIENCE: Duration = Duration::from_millis(250);
/// Ends that wait to be written down. One more is left to end by itself.
const ENDS_MAX: usize = 4_096;
/// Rooms one user is remembered to type in; beyond it the throttle forgets the oldest.
const ROOMS_PER_TYPIST_MAX: usize = 16;

pub(crate) struct Typing {
    config: TypingConfig,
    state: Arc<dyn Ephemeral>,
    hub: Arc<Hub>,
    tidings: Tidings,
    rooms: Mutex<SteadyMap<RoomId, Room>>,
    /// The users of this gateway who type: where, and when that was last told.
    told: Mutex<HashMap<UserId, Vec<(RoomId, Instant)>>>,
    ends: mpsc::Sender<(RoomId, UserId)>,
}

#[derive(Default)]
struct Room {
    typists: HashMap<UserId, Known>,
    told_at: Option<Instant>,
}

struct Known {
    /// When it ends without another word; none: it has ended.
    ends: Option<Instant>,
    /// The room's followers believe that they type.
    shown: bool,
}

impl Typing {
    pub(crate) fn new(
        config: TypingConfig,
        state: Arc<dyn Ephemeral>,
        hub: Arc<Hub>,
        tidings: Tidings,
    ) -> (Arc<Self>, mpsc::Receiver<(RoomId, UserId)>) {
        let (ends, waiting) = mpsc::channel(ENDS_MAX);
        let (rooms, told) = (Mutex::default(), Mutex::default());
        (Arc::new(Self { config, state, hub, tidings, rooms, told, ends }), waiting)
    }

    /// A member says that they type. Said again within a part of its time, it is known already.
    pub(crate) async fn begin(&self, room: RoomId, user: &UserId) -> Result<(), Fault> {
        if !self.is_news(room, user) {
            return Ok(());
        }
        let written = self.state.typing(room, user, self.config.ttl);
        if !matches!(timeout(PATIENCE, written).await, Ok(Ok(()))) {
            self.forget(room, user);
            return Err(Fault::unavailable("who types cannot be told just now"));
        }
        self.tell(room, user, whole_ms(self.config.ttl));
        Ok(())
    }

    /// A member says that they type no longer.
    pub(crate) fn end(&self, room: RoomId, user: &UserId) {
        if self.forget(room, user) {
            self.wipe(room, user);
            self.tell(room, user, 0);
        }
    }

    /// A member of this gateway posts: they type no longer. The message tells the others.
    pub(crate) fn posts(&self, room: RoomId, user: &UserId) {
        if self.forget(room, user) {
            self.wipe(room, user);
        }
    }

    /// The last session of a user here has ended.
    pub(crate) fn gone(&self, user: &UserId) {
        let Some(rooms) = self.told.lock().remove(user) else { return };
        for (room, _) in rooms {
            self.wipe(room, user);
            self.tell(room, user, 0);
        }
    }

    /// Who else types in a room that is being opened; none when nobody can say.
    pub(crate) async fn typists(&self, room: RoomId, me: &UserId) -> Option<Vec<UserId>> {
        let typists = timeout(PATIENCE, self.state.typists(room)).await.ok()?.ok()?;
        let users = typists.iter().map(|typist| typist.user.clone());
        let users = users.filter(|user| user != me).collect();
        self.learn(room, typists);
        Some(users)
    }

    /// The bus tells of a typist.
    pub(crate) fn heard(&self, room: RoomId, typing: &wire::Typing) -> Result<(), Fault> {
        let user = UserId::parse(&typing.user_id)?;
        let now = Instant::now();
        let ends = (typing.ttl_ms > 0)
            .then(|| now + self.config.ttl.min(Duration::from_millis(typing.ttl_ms.into())));
        let mut rooms = self.rooms.lock();
        let entry = rooms.entry(room).or_default();
        let full = entry.typists.len() >= TYPISTS_MAX;
        match entry.typists.get_mut(&user) {
            Some(known) => known.ends = ends,
            None if ends.is_some() && !full => {
                entry.typists.insert(user, Known { ends, shown: false });
            }
            None => {}
        }
        self.tell_room(room, entry, now);
        Ok(())
    }

    /// Somebody's message came to a room: they type no longer.
    pub(crate) fn posted(&self, room: RoomId, sender: &str) {
        let mut rooms = self.rooms.lock();
        let Some(entry) = rooms.get_mut(&room) else { return };
        let typist = entry.typists.iter_mut().find(|(user, _)| user.as_str() == sender);
        if let Some((_, known)) = typist {
            known.ends = None;
            // At once: what comes after the message must not say that they still type.
            entry.told_at = None;
            self.tell_room(room, entry, Instant::now());
        }
    }

    /// Ends what has run out, and tells what had to wait. Runs for the life of the gateway.
    pub(crate) async fn keep_true(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(self.config.told_every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = Instant::now();
            self.rooms.lock().retain(|room, entry| {
                for known in entry.typists.values_mut() {
                    known.ends = known.ends.filter(|ends| *ends > now);
                }
                self.tell_room(*room, entry, now);
                !entry.typists.is_empty()
            });
            self.told.lock().retain(|_, rooms| {
                rooms.retain(|(_, at)| *at + self.config.ttl > now);
                !rooms.is_empty()
            });
        }
    }

    /// Writes ends down. Runs for the life of the gateway.
    pub(crate) async fn write_ends(self: Arc<Self>, mut ends: mpsc::Receiver<(RoomId, UserId)>) {
        const AT_ONCE: usize = 64;

        let mut batch = Vec::new();
        while ends.recv_many(&mut batch, AT_ONCE).await > 0 {
            let written = batch.iter().map(|(room, user)| self.state.not_typing(*room, user));
            if futures::future::join_all(written).await.iter().any(Result::is_err) {
                tracing::debug!("some typists are forgotten a little later");
            }
            batch.clear();
        }
    }

    /// Typists as read: those who were not heard of end here too.
    fn learn(&self, room: RoomId, typists: Vec<Typist>) {
        let now = Instant::now();
        let mut rooms = self.rooms.lock();
        let entry = rooms.entry(room).or_default();
        for Typist { user, remaining } in typists {
            let ends = Some(now + remaining.min(self.config.ttl));
            let known = entry.typists.entry(user).or_insert(Known { ends, shown: true });
            known.ends = known.ends.max(ends);
        }
    }

    /// Tells a room's followers what is not as they believe, unless they were told a moment ago. Then it
    /// waits for the next tick.
    fn tell_room(&self, room: RoomId, entry: &mut Room, now: Instant) {
        if entry.told_at.is_some_and(|at| now < at + self.config.told_every) {
            return;
        }
        let followers = OnceCell::new();
        for (user, known) in &mut entry.typists {
            let on = known.ends.is_some();
            if on == known.shown {
                continue;
            }
            known.shown = on;
            entry.told_at = Some(now);
            let followers = followers.get_or_init(|| self.hub.audience(room));
            let others = followers.iter().filter(|session| session.user() != user);
            let event = Event::Typing { room, user: user.clone(), on };
            let about = Fleeting::Typing(room, user.clone());
            tell_all(others, &about, &event);
        }
        entry.typists.retain(|_, known| known.ends.is_some());
    }

    /// Notes that a user is about to say it; false when they did a moment ago.
    fn is_news(&self, room: RoomId, user: &UserId) -> bool {
        let now = Instant::now();
        let mut told = self.told.lock();
        let rooms = told.entry(user.clone()).or_default();
        if let Some((_, at)) = rooms.iter_mut().find(|(known, _)| *known == room) {
            let news = now >= *at + self.config.ttl / 3;
            if news {
                *at = now;
            }
            return news;
        }
        if rooms.len() >= ROOMS_PER_TYPIST_MAX {
            rooms.remove(0);
        }
        rooms.push((room, now));
        true
    }

    /// Whether the user was said to type in the room.
    fn forget(&self, room: RoomId, user: &UserId) -> bool {
        let mut told = self.told.lock();
        let Some(rooms) = told.get_mut(user) else { return false };
        let before = rooms.len();
        rooms.retain(|(known, _)| *known != room);
        let known = rooms.len() < before;
        if rooms.is_empty() {
            told.remove(user);
        }
        known
    }

    fn wipe(&self, room: RoomId, user: &UserId) {
        // At the bound it ends by itself.
        let _full = self.ends.try_send((room, user.clone()));
    }

    fn tell(&self, room: RoomId, user: &UserId, ttl_ms: u32) {
        let typing = wire::Typing { room_id: room.to_string(), user_id: user.to_string(), ttl_ms };
        self.tidings.tell(Topic::Room(room), envelope::Event::Typing(typing));
    }
}

fn whole_ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
