//! Which devices of this gateway's users type where, as the cluster was last told. What is said again is
//! coalesced here, before it costs anything: a repetition is nothing new for a part of its time, and a
//! device that stops and begins in quick turns is told of at most once in a turn.

use std::{collections::HashMap, time::Duration};

use hubbub_domain::{RoomId, UserId};
use tokio::time::Instant;

/// Rooms and devices of one user that are remembered. Beyond it the throttle forgets the oldest.
const PLACES_MAX: usize = 64;

/// Where somebody types: a session of this gateway by its number, or 0 for single requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Device(pub(crate) u64);

pub(super) struct Told {
    users: HashMap<UserId, Vec<Place>>,
    /// For how long a word holds.
    ttl: Duration,
    /// The least time between two words about a device in a room.
    turn: Duration,
}

struct Place {
    room: RoomId,
    device: Device,
    /// When it was last said that the device types.
    told_at: Instant,
    on: bool,
    /// It types again, which waits for its turn.
    wanted: bool,
}

impl Told {
    pub(super) fn new(ttl: Duration, turn: Duration) -> Self {
        Self { users: HashMap::new(), ttl, turn }
    }

    /// A device types. True: this has to be told now, if it may. Else it is known, or waits for its turn.
    pub(super) fn is_news(&mut self, room: RoomId, (user, device): (&UserId, Device)) -> bool {
        let (ttl, turn, now) = (self.ttl, self.turn, Instant::now());
        let Some(place) = self.place(room, user, device) else { return true };
        if place.on {
            return now >= place.told_at + ttl / 3;
        }
        place.wanted = now < place.told_at + turn;
        !place.wanted
    }

    /// It is about to be told that a device types.
    pub(super) fn note(&mut self, room: RoomId, (user, device): (&UserId, Device)) {
        let told_at = Instant::now();
        if let Some(place) = self.place(room, user, device) {
            (place.told_at, place.on, place.wanted) = (told_at, true, false);
            return;
        }
        let places = self.users.entry(user.clone()).or_default();
        if places.len() >= PLACES_MAX {
            places.remove(0);
        }
        places.push(Place { room, device, told_at, on: true, wanted: false });
    }

    /// A device types no longer; whether it was told that it does.
    pub(super) fn end(&mut self, room: RoomId, (user, device): (&UserId, Device)) -> bool {
        let Some(place) = self.place(room, user, device) else { return false };
        place.wanted = false;
        std::mem::replace(&mut place.on, false)
    }

    /// The user types no longer in a room; the devices of which it was told.
    pub(super) fn end_all(&mut self, room: RoomId, user: &UserId) -> Vec<Device> {
        self.take(user, |place| place.room == room).map(|place| place.device).collect()
    }

    /// A device is gone; the rooms in which it typed.
    pub(super) fn gone(&mut self, (user, device): (&UserId, Device)) -> Vec<RoomId> {
        self.take(user, |place| place.device == device).map(|place| place.room).collect()
    }

    /// Those who typed again too soon and whose turn it is now, noted as told: at most `max`.
    pub(super) fn due(&mut self, max: usize) -> Vec<(RoomId, UserId, Device)> {
        let (ttl, turn, now) = (self.ttl, self.turn, Instant::now());
        let mut due = Vec::new();
        self.users.retain(|user, places| {
            for place in places.iter_mut().filter(|place| place.wanted) {
                if due.len() < max && now >= place.told_at + turn {
                    (place.told_at, place.on, place.wanted) = (now, true, false);
                    due.push((place.room, user.clone(), place.device));
                }
            }
            places.retain(|place| {
                let holds = if place.on { ttl } else { turn };
                place.wanted || place.told_at + holds > now
            });
            !places.is_empty()
        });
        due
    }

    fn place(&mut self, room: RoomId, user: &UserId, device: Device) -> Option<&mut Place> {
        let places = self.users.get_mut(user)?;
        places.iter_mut().find(|place| place.room == room && place.device == device)
    }

    /// Forgets some places of a user; those of them that type.
    fn take(
        &mut self,
        user: &UserId,
        is_meant: impl Fn(&Place) -> bool,
    ) -> impl Iterator<Item = Place> {
        let places = self.users.get_mut(user);
        let taken: Vec<Place> = places
            .map(|places| places.extract_if(.., |place| is_meant(place)).collect())
            .unwrap_or_default();
        if self.users.get(user).is_some_and(Vec::is_empty) {
            self.users.remove(user);
        }
        taken.into_iter().filter(|place| place.on)
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{RoomId, UserId};
    use tokio::time::{Duration, advance};

    use super::{Device, PLACES_MAX, Told};

    const TTL: Duration = Duration::from_secs(6);
    const TURN: Duration = Duration::from_millis(250);

    #[tokio::test(start_paused = true)]
    async fn thirty_words_a_second_are_told_as_one() {
        let (mut told, room) = (Told::new(TTL, TURN), RoomId::generate());
        let alice = UserId::parse("alice").expect("valid");
        let who = (&alice, Device(1));
        let mut news = 0;
        for _ in 0..30 * 4 {
            if told.is_news(room, who) {
                told.note(room, who);
                news += 1;
            }
            advance(Duration::from_secs(1) / 30).await;
        }
        assert_eq!(news, 2, "in four seconds");
        assert!(told.is_news(room, (&alice, Device(2))), "each device for itself");
    }

    #[tokio::test(start_paused = true)]
    async fn quick_turns_are_told_at_most_once_in_a_turn_and_the_last_word_holds() {
        let (mut told, room) = (Told::new(TTL, TURN), RoomId::generate());
        let alice = UserId::parse("alice").expect("valid");
        let who = (&alice, Device(1));
        let (mut begun, mut ended) = (0, 0);
        for _ in 0..95 {
            if told.is_news(room, who) {
                told.note(room, who);
                begun += 1;
            }
            ended += usize::from(told.end(room, who));
            advance(Duration::from_millis(10)).await;
        }
        assert!(begun <= 5 && ended == begun, "{begun} beginnings, {ended} ends in a second");
        assert!(!told.is_news(room, who));
        advance(TURN).await;
        assert_eq!(told.due(9), [(room, alice.clone(), Device(1))]);
        assert!(told.due(9).is_empty());
        assert_eq!(told.gone(who), [room]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_ends_all_devices_and_a_departure_one() {
        let (mut told, room) = (Told::new(TTL, TURN), RoomId::generate());
        let alice = UserId::parse("alice").expect("valid");
        for device in [1, 2] {
            told.note(room, (&alice, Device(device)));
        }
        assert_eq!(told.gone((&alice, Device(1))), [room]);
        told.note(room, (&alice, Device(1)));
        assert_eq!(told.end_all(room, &alice), [Device(2), Device(1)]);
        assert!(told.users.is_empty());
        for _ in 0..2 * PLACES_MAX {
            told.note(RoomId::generate(), (&alice, Device(1)));
        }
        assert_eq!(told.users[&alice].len(), PLACES_MAX);
        advance(TTL).await;
        assert!(told.due(9).is_empty() && told.users.is_empty(), "forgotten in time");
    }
}
