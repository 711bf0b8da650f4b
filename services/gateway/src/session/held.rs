//! Ephemeral events that a slow client is told later: of each kind about each user and room only the
//! newest, and not more than so many.

use std::{collections::BTreeMap, sync::Arc};

use hubbub_client_protocol::Event;
use hubbub_domain::{RoomId, UserId};

/// Events held back. At the bound another is dropped: what comes after it tells more.
const EVENTS_MAX: usize = 1_000;

type Key = (RoomId, UserId, &'static str);

#[derive(Debug, Default)]
pub(super) struct Held {
    events: BTreeMap<Key, Event>,
    /// The epoch that the client's revisions belong to, once its rooms have been caught up.
    epoch: Option<Arc<str>>,
}

impl Held {
    pub(super) fn put(&mut self, (room, user): (RoomId, &UserId), event: Event) {
        let key = (room, user.clone(), event.name());
        if self.events.len() < EVENTS_MAX || self.events.contains_key(&key) {
            self.events.insert(key, event);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.epoch.is_none()
    }

    pub(super) fn put_epoch(&mut self, epoch: &str) {
        self.epoch = Some(epoch.into());
    }

    pub(super) fn take_epoch(&mut self) -> Option<Arc<str>> {
        self.epoch.take()
    }

    /// Takes one of them, in an order that does not hang on chance.
    pub(super) fn next(&mut self) -> Option<Event> {
        self.events.pop_first().map(|(_, event)| event)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hubbub_client_protocol::Event;
    use hubbub_domain::{RoomId, Seq, UserId};

    use super::{EVENTS_MAX, Held};
    use crate::{
        native::NativeCodec,
        session::{Manner, Outbox, Session, Sessions},
    };

    fn user(name: &str) -> UserId {
        UserId::parse(name).expect("valid")
    }

    fn read(room: RoomId, name: &str, seq: u64) -> Event {
        Event::Read { room, user: user(name), seq: Seq(seq) }
    }

    #[test]
    fn the_newest_of_each_is_kept_and_not_more_than_so_many() {
        let (mut held, room) = (Held::default(), RoomId::generate());
        for seq in 1..=50 {
            held.put((room, &user("alice")), read(room, "alice", seq));
        }
        let delivered = Event::Delivered { room, user: user("alice"), seq: Seq(60) };
        held.put((room, &user("alice")), delivered.clone());
        let told: Vec<_> = std::iter::from_fn(|| held.next()).collect();
        assert!(told.len() == 2 && told.contains(&read(room, "alice", 50)), "{told:?}");
        assert!(told.contains(&delivered) && held.is_empty());
        for n in 0..2 * EVENTS_MAX {
            let name = format!("u{n}");
            held.put((room, &user(&name)), read(room, &name, 1));
        }
        held.put((room, &user("u0")), read(room, "u0", 9));
        let told: Vec<_> = std::iter::from_fn(|| held.next()).collect();
        assert_eq!(told.len(), EVENTS_MAX);
        assert!(told.contains(&read(room, "u0", 9)), "what is held is made newer at the bound too");
    }

    #[test]
    fn a_slow_client_is_told_the_newest_once_it_has_read() {
        let id = Sessions::default().next_id();
        let (manner, outbox) = (Manner::plain(&NativeCodec), Arc::new(Outbox::new(1_000)));
        let session = Arc::new(Session::new(id, user("bob"), manner, outbox));
        let room = RoomId::generate();
        let tell = |seq| session.tell_newest((room, &user("alice")), &read(room, "alice", seq));
        tell(1);
        assert!(session.outbox().waiting_bytes() > 0 && !session.is_behind(), "told at once");
        session.outbox().reply(bytes::Bytes::from(vec![b'x'; 2_000]));
        let waiting = session.outbox().waiting_bytes();
        (2..200).for_each(tell);
        assert_eq!(session.outbox().waiting_bytes(), waiting, "nothing piles up");
        assert!(session.is_behind());
        session.tell_held();
        assert!(session.is_behind(), "not before the client has read");
        let frames = session.outbox().take();
        session.outbox().written(frames.iter().map(|frame| frame.bytes.len()).sum());
        session.tell_held();
        assert!(!session.is_behind());
        let frames = session.outbox().take();
        let text = String::from_utf8_lossy(&frames[0].bytes).into_owned();
        assert!(frames.len() == 1 && text.contains("\"seq\":199"), "{text}");
    }
}
