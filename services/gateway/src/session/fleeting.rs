//! Events that are no loss: those of which only the newest counts (who types, who is online), which wait
//! beside the outbox's frames, where a newer one takes the place of an older while a client does not
//! read; and those that whoever has too much waiting goes without.

use std::sync::Arc;

use bytes::Bytes;
use hubbub_client_protocol::Event;
use hubbub_domain::{RoomId, UserId};

use super::{Codec, Session};

/// What an event tells of: a newer one of the same replaces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fleeting {
    Typing(RoomId, UserId),
    Presence(UserId),
    RoomOnline(RoomId),
}

/// Events that wait for one client. At the bound the oldest is dropped.
pub(super) const FLEETING_MAX: usize = 256;

/// The newest of each, in the order in which they were first told.
pub(super) type Waiting = Vec<(Fleeting, Bytes)>;

/// Puts an event where it belongs; how many bytes more, or fewer, wait now is not counted: they are few,
/// and counted as frames once they leave.
pub(super) fn put(waiting: &mut Waiting, about: &Fleeting, frame: Bytes) {
    if let Some((_, known)) = waiting.iter_mut().find(|(known, _)| known == about) {
        *known = frame;
        return;
    }
    if waiting.len() >= FLEETING_MAX {
        waiting.remove(0);
    }
    waiting.push((about.clone(), frame));
}

/// Gives an event to many, encoded once for each door.
pub(crate) fn tell_all<'a>(
    sessions: impl IntoIterator<Item = &'a Arc<Session>>,
    about: &Fleeting,
    event: &Event,
) {
    let mut encoded = Encoded::new(event);
    for session in sessions {
        session.outbox().fleeting(about, encoded.frame(session.codec()));
    }
}

/// Gives an event that may be lost to many, encoded once for each door. Who has more waiting than the
/// bound goes without; how many did.
pub(crate) fn offer_all<'a>(
    sessions: impl IntoIterator<Item = &'a Arc<Session>>,
    event: &Event,
) -> usize {
    let mut encoded = Encoded::new(event);
    let mut without = 0;
    for session in sessions {
        let frame = encoded.frame(session.codec());
        if session.outbox().offer(&[frame.into()]) == 0 {
            without += 1;
        }
    }
    without
}

/// An event in the encodings that were asked for so far.
struct Encoded<'a> {
    event: &'a Event,
    frames: Vec<(usize, Bytes)>,
}

impl<'a> Encoded<'a> {
    const fn new(event: &'a Event) -> Self {
        Self { event, frames: Vec::new() }
    }

    fn frame(&mut self, codec: &dyn Codec) -> Bytes {
        if let Some((_, frame)) = self.frames.iter().find(|(slot, _)| *slot == codec.slot()) {
            return frame.clone();
        }
        let frame = codec.event(self.event);
        self.frames.push((codec.slot(), frame.clone()));
        frame
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hubbub_domain::UserId;

    use super::{FLEETING_MAX, Fleeting, put};

    fn about(name: &str) -> Fleeting {
        Fleeting::Presence(UserId::parse(name).expect("valid"))
    }

    #[test]
    fn the_newest_takes_the_place_of_the_older_and_there_is_a_bound() {
        let mut waiting = Vec::new();
        for text in ["online", "away", "offline"] {
            put(&mut waiting, &about("alice"), Bytes::from_static(text.as_bytes()));
            put(&mut waiting, &about("bob"), Bytes::from_static(text.as_bytes()));
        }
        let last = Bytes::from_static(b"offline");
        assert_eq!(waiting, [(about("alice"), last.clone()), (about("bob"), last.clone())]);
        for n in 0..FLEETING_MAX {
            put(&mut waiting, &about(&n.to_string()), last.clone());
        }
        assert_eq!(waiting.len(), FLEETING_MAX);
        assert_eq!(waiting[0].0, about("0"));
    }
}
