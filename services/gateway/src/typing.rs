//! Who types in which room, as this gateway has heard: told to the others in the room, and ended by a
//! word, by a message, or by its time.
//!
//! What a room's followers were told last is kept beside what holds now; a room is told the difference,
//! at most once in a while. So however many words arrive about somebody, the others are told what it came
//! to. The time of a typist ends in every gateway by itself: nobody has to say it for the dead.

mod told;

use std::{cell::OnceCell, collections::HashMap, sync::Arc, time::Duration};

use hubbub_bus::Topic;
use hubbub_client_protocol::Event;
use hubbub_domain::{Fault, RoomId, UserId};
use hubbub_ephemeral::{Ephemeral, Typist};
use hubbub_proto::bus::v1::{self as wire, envelope};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};
pub(crate) use told::Device;
use told::Told;

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
/// Devices of one typist that are told apart. One more takes the place of the one that ends first.
const DEVICES_MAX: usize = 32;
/// Those who type again that are written down in one turn. The others wait for the next.
const DUE_MAX: usize = 256;

pub(crate) struct Typing {
    config: TypingConfig,
    /// Tells this gateway's devices from those of the others.
    gateway: u32,
    state: Arc<dyn Ephemeral>,
    hub: Arc<Hub>,
    tidings: Tidings,
    rooms: Mutex<SteadyMap<RoomId, Room>>,
    told: Mutex<Told>,
    ends: mpsc::Sender<End>,
}

/// What is to be written down: a user types no longer on a device.
pub(crate) type End = (RoomId, UserId, Device);

#[derive(Default)]
struct Room {
    typists: HashMap<UserId, Known>,
    told_at: Option<Instant>,
}

#[derive(Default)]
struct Known {
    /// Where they type, and when that ends without another word. None: they type no longer.
    devices: SmallVec<[(String, Instant); 1]>,
    /// The room's followers believe that they type.
    shown: bool,
}

impl Known {
    fn begin(&mut self, device: &str, ends: Instant) {
        if let Some((_, known)) = self.devices.iter_mut().find(|(known, _)| known == device) {
            *known = ends;
            return;
        }
        if self.devices.len() >= DEVICES_MAX {
            let first = self.devices.iter().enumerate().min_by_key(|(_, (_, ends))| *ends);
            if let Some(first) = first.map(|(at, _)| at) {
                self.devices.swap_remove(first);
            }
        }
        self.devices.push((device.to_owned(), ends));
    }
}

impl Typing {
    pub(crate) fn new(
        config: TypingConfig,
        state: Arc<dyn Ephemeral>,
        hub: Arc<Hub>,
        tidings: Tidings,
    ) -> (Arc<Self>, mpsc::Receiver<End>) {
        let (ends, waiting) = mpsc::channel(ENDS_MAX);
        let told = Mutex::new(Told::new(config.ttl, config.told_every));
        let rooms = Mutex::default();
        let gateway = rand::random();
        (Arc::new(Self { config, gateway, state, hub, tidings, rooms, told, ends }), waiting)
    }

    /// Whether it is news that a user types on a device. What is not is coalesced, and costs nothing more.
    pub(crate) fn is_news(&self, room: RoomId, who: (&UserId, Device)) -> bool {
        self.told.lock().is_news(room, who)
    }

    /// A member says that they type, which is news.
    pub(crate) async fn begin(&self, room: RoomId, who: (&UserId, Device)) -> Result<(), Fault> {
        self.told.lock().note(room, who);
        self.write(room, who).await
    }

    /// A member says that they type no longer on a device.
    pub(crate) fn end(&self, room: RoomId, (user, device): (&UserId, Device)) {
        if self.told.lock().end(room, (user, device)) {
            self.wipe(room, user, device);
            self.tell(room, (user, device), Duration::ZERO);
        }
    }

    /// A member of this gateway posts: they type no longer. The message tells the others.
    pub(crate) fn posts(&self, room: RoomId, user: &UserId) {
        let ended = self.told.lock().end_all(room, user);
        for device in ended {
            self.wipe(room, user, device);
        }
    }

    /// A session has ended. Where its user types on other devices, that goes on.
    pub(crate) fn gone(&self, user: &UserId, device: Device) {
        let rooms = self.told.lock().gone((user, device));
        for room in rooms {
            self.wipe(room, user, device);
            self.tell(room, (user, device), Duration::ZERO);
        }
    }

    async fn write(&self, room: RoomId, (user, device): (&UserId, Device)) -> Result<(), Fault> {
        let name = self.name(device);
        let written = self.state.typing(room, (user, &name), self.config.ttl);
        if !matches!(timeout(PATIENCE, written).await, Ok(Ok(()))) {
            self.told.lock().end(room, (user, device));
            let text = "typing indicators are temporarily unavailable";
            return Err(Fault::unavailable(text));
        }
        self.tell(room, (user, device), self.config.ttl);
        Ok(())
    }

    /// Who else types in a room that is being opened; none when nobody can say.
    pub(crate) async fn typists(&self, room: RoomId, me: &UserId) -> Option<Vec<UserId>> {
        let typists = timeout(PATIENCE, self.state.typists(room)).await.ok()?.ok()?;
        let mut users: Vec<UserId> = Vec::new();
        for Typist { user, .. } in &typists {
            if user != me && !users.contains(user) {
                users.push(user.clone());
            }
        }
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
        let full = entry.typists.len() >= self.config.typists_max;
        match (entry.typists.get_mut(&user), ends) {
            (Some(known), Some(ends)) => known.begin(&typing.device, ends),
            (Some(known), None) => known.devices.retain(|(device, _)| *device != typing.device),
            (None, Some(ends)) if !full => {
                entry.typists.entry(user).or_default().begin(&typing.device, ends);
            }
            (None, _) => {}
        }
        self.tell_room(room, entry, now);
        Ok(())
    }

    /// Somebody's message came to a room: they type no longer.
    pub(crate) fn posted(&self, room: RoomId, sender: &str) {
        let mut rooms = self.rooms.lock();
        let Some(entry) = rooms.get_mut(&room) else { return };
        let typist = entry.typists.iter_mut().find(|(user, _)| user.as_str() == sender);
        if let Some((user, known)) = typist {
            known.devices.clear();
            // Their next word is news, on whatever device.
            let ended = self.told.lock().end_all(room, user);
            for device in ended {
                self.wipe(room, user, device);
            }
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
                    known.devices.retain(|(_, ends)| *ends > now);
                }
                self.tell_room(*room, entry, now);
                !entry.typists.is_empty()
            });
            let due = self.told.lock().due(DUE_MAX);
            let written = due.iter().map(|(room, user, device)| self.write(*room, (user, *device)));
            // What fails is said again by the client.
            futures::future::join_all(written).await;
        }
    }

    /// Writes ends down. Runs for the life of the gateway.
    pub(crate) async fn write_ends(self: Arc<Self>, mut ends: mpsc::Receiver<End>) {
        const AT_ONCE: usize = 64;

        let mut batch = Vec::new();
        while ends.recv_many(&mut batch, AT_ONCE).await > 0 {
            let written = batch.iter().map(|(room, user, device)| async {
                self.state.not_typing(*room, (user, &self.name(*device))).await
            });
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
        for Typist { user, device, remaining } in typists {
            let ends = now + remaining.min(self.config.ttl);
            let unknown = || Known { shown: true, ..Known::default() };
            let known = entry.typists.entry(user).or_insert_with(unknown);
            known.begin(&device, ends);
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
            let on = !known.devices.is_empty();
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
        entry.typists.retain(|_, known| !known.devices.is_empty());
    }

    fn wipe(&self, room: RoomId, user: &UserId, device: Device) {
        // At the bound it ends by itself.
        let _full = self.ends.try_send((room, user.clone(), device));
    }

    fn tell(&self, room: RoomId, (user, device): (&UserId, Device), ttl: Duration) {
        let typing = wire::Typing {
            room_id: room.to_string(),
            user_id: user.to_string(),
            ttl_ms: u32::try_from(ttl.as_millis()).unwrap_or(u32::MAX),
            device: self.name(device),
        };
        self.tidings.tell(Topic::Room(room), envelope::Event::Typing(typing));
    }

    /// The device's name in the cluster. Single requests of a user are one device, wherever they come in.
    fn name(&self, Device(number): Device) -> String {
        if number == 0 { String::new() } else { format!("{:x}/{number}", self.gateway) }
    }
}
