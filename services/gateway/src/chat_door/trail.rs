//! How far one session was told each room that it entered: what its offsets are made of.
//!
//! Two rooms may have something for a session at the same time. Stamping a frame and putting it into
//! the outbox are one step here, under the trail's lock; so the last offset that a client has seen
//! always names all that it was told, and nothing that it was not.

use std::collections::VecDeque;

use hubbub_client_protocol::{
    Event,
    chat::{Offset, Told},
};
use hubbub_domain::{Change, ChangeKind, ClientId, Rev, RoomId, UserId};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::codec;
use crate::session::{Frame, Outbox, Tailor};

/// Messages of a session without echo that were not told to it yet. At the bound the oldest is
/// echoed after all.
const OWN_MAX: usize = 1_024;

/// What a room takes in an offset, about.
const OFFSET_BYTES: usize = 16;

/// A session's way through its rooms. What every event needs comes first and lies close together.
#[repr(C)]
pub(super) struct Trail {
    state: Mutex<State>,
    /// Events say how far the client has come.
    offsets: bool,
    user: UserId,
}

#[derive(Default)]
#[repr(C)]
struct State {
    /// In the order of entering, the last one at the end.
    rooms: SmallVec<[(RoomId, Rev); 2]>,
    /// What this socket has said, when it does not want to hear itself. Most do want to.
    #[expect(clippy::box_collection, reason = "one word in most sessions, instead of four")]
    own: Option<Box<VecDeque<ClientId>>>,
}

impl Trail {
    pub(super) fn new(user: UserId, offsets: bool) -> Self {
        Self { user, offsets, state: Mutex::default() }
    }

    pub(super) const fn has_offsets(&self) -> bool {
        self.offsets
    }

    /// The room entered last.
    pub(super) fn current(&self) -> Option<RoomId> {
        self.state.lock().rooms.last().map(|(room, _)| *room)
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().rooms.len()
    }

    /// A room is entered and continues after `rev`; one that was entered before comes last now.
    pub(super) fn enter(&self, room: RoomId, rev: Rev) {
        let mut state = self.state.lock();
        match state.rooms.iter().position(|(known, _)| *known == room) {
            Some(at) => state.rooms[at..].rotate_left(1),
            None => state.rooms.push((room, rev)),
        }
    }

    /// Rooms are left; their events were stopped before.
    pub(super) fn retain(&self, keep: impl Fn(RoomId) -> bool) {
        self.state.lock().rooms.retain(|(room, _)| keep(*room));
    }

    /// What this socket is about to say is not told to it.
    pub(super) fn note_own(&self, client_id: ClientId) {
        let mut state = self.state.lock();
        let own = state.own.get_or_insert_default();
        own.push_back(client_id);
        if own.len() > OWN_MAX {
            own.pop_front();
        }
    }

    /// Tells the client which rooms are entered, in order with everything else.
    pub(super) fn tell_entered(&self, outbox: &Outbox) {
        let state = self.state.lock();
        let offset = self.offsets.then(|| state.offset(None));
        outbox.reply(codec::frame(&state.entered(), offset.as_deref()));
    }

    /// Whether the frames that all share end with what this session will have come to.
    fn shares(&self, state: &State, room: RoomId) -> bool {
        !self.offsets || matches!(state.rooms[..], [(only, _)] if only == room)
    }

    /// The frame of a change for this session alone, where it is not the one that all share.
    fn frame(&self, state: &State, room: RoomId, change: &Change, shared: &Frame) -> Frame {
        let own = state.own_at(&self.user, change).is_some();
        if !own && self.shares(state, room) {
            return shared.clone();
        }
        let offset = self.offsets.then(|| state.offset(Some((room, change.rev))));
        let bytes = match (own, &offset) {
            (false, Some(offset)) => codec::with_offset(&shared.bytes, offset),
            _ => codec::frame(&state.entered(), offset.as_deref()),
        };
        Frame { bytes, trace: shared.trace.clone() }
    }
}

impl State {
    fn entered(&self) -> Told {
        Told::entered(self.rooms.iter().map(|(room, _)| *room).collect())
    }

    /// What the client has come to, or will have come to with a revision more.
    fn offset(&self, next: Option<(RoomId, Rev)>) -> String {
        if self.rooms.len() > Offset::ROOMS_MAX {
            return Offset::NONE.to_owned();
        }
        let rooms = self.rooms.iter().map(|(room, rev)| match next {
            Some((coming, rev)) if coming == *room => (coming.into(), rev),
            _ => ((*room).into(), *rev),
        });
        let mut offset = String::with_capacity(self.rooms.len() * OFFSET_BYTES);
        Offset::write(rooms, &mut offset).expect("a text takes what is written into it");
        offset
    }

    /// What the session was told of a room, up to `last`.
    fn note_told(&mut self, room: RoomId, last: Rev, mut own: Vec<(Rev, usize)>) {
        if let Some((_, rev)) = self.rooms.iter_mut().find(|(known, _)| *known == room) {
            *rev = last;
        }
        own.retain(|(rev, _)| *rev <= last);
        own.sort_unstable_by_key(|(_, at)| std::cmp::Reverse(*at));
        for (_, at) in own {
            self.own.as_mut().and_then(|said| said.remove(at));
        }
    }

    /// Nothing that this socket has said is still to come.
    fn heard_all(&self) -> bool {
        self.own.as_ref().is_none_or(|own| own.is_empty())
    }

    fn own_at(&self, user: &UserId, change: &Change) -> Option<usize> {
        let own = self.own.as_ref()?;
        let ChangeKind::Posted(message) = &change.kind else { return None };
        if message.sender != *user {
            return None;
        }
        own.iter().position(|own| *own == message.client_id)
    }
}

impl Tailor for Trail {
    fn offer(
        &self,
        outbox: &Outbox,
        (room, after): (RoomId, Rev),
        frames: &[Frame],
        changes: &mut dyn Iterator<Item = &Change>,
    ) -> usize {
        let mut state = self.state.lock();
        let mut own = Vec::new();
        let taken = if state.heard_all() && self.shares(&state, room) {
            // Most sessions: nothing is copied, and nothing of the frames counted.
            outbox.offer(frames)
        } else {
            let tailored = changes.zip(frames).map(|(change, shared)| {
                own.extend(state.own_at(&self.user, change).map(|at| (change.rev, at)));
                self.frame(&state, room, change, shared)
            });
            outbox.offer(&tailored.collect::<SmallVec<[_; 1]>>())
        };
        state.note_told(room, Rev(after.0 + taken as u64), own);
        taken
    }

    fn approach(&self) {
        // The beginning of the state, and what follows its end.
        std::hint::black_box((self.state.is_locked(), self.offsets));
    }

    fn reset(&self, outbox: &Outbox, room: RoomId, rev: Rev, event: &Event) {
        let mut state = self.state.lock();
        if let Some((_, known)) = state.rooms.iter_mut().find(|(known, _)| *known == room) {
            *known = rev;
        }
        let offset = self.offsets.then(|| state.offset(None));
        outbox.reply(codec::frame(&Told::from(event.clone()), offset.as_deref()));
    }
}

#[cfg(test)]
mod tests {
    use hubbub_client_protocol::chat::Offset;
    use hubbub_domain::{
        Body, Change, ChangeKind, ClientId, Message, MessageId, MessageKind, Rev, RoomId, Seq,
        Timestamp, UserId,
    };

    use super::{super::codec::OffsetCodec, Trail};
    use crate::session::{Codec as _, Frame, Outbox, Tailor as _};

    fn alice() -> UserId {
        UserId::parse("alice").expect("valid")
    }

    fn trail(rooms: &[(RoomId, Rev)]) -> Trail {
        let trail = Trail::new(alice(), true);
        for (room, rev) in rooms {
            trail.enter(*room, *rev);
        }
        trail
    }

    fn said(room: RoomId, rev: u64, client_id: &str) -> Change {
        let message = Message {
            room,
            seq: Seq(rev),
            rev: Rev(rev),
            id: MessageId::generate(),
            sender: alice(),
            client_id: ClientId::parse(client_id).expect("valid"),
            kind: MessageKind::User(Body::text("hi")),
            created_at: Timestamp::from_micros(1),
            edited_at: None,
            reactions: vec![],
        };
        Change { rev: Rev(rev), kind: ChangeKind::Posted(Box::new(message)) }
    }

    fn offer(trail: &Trail, outbox: &Outbox, room: RoomId, changes: &[Change]) -> usize {
        let after = Rev(changes[0].rev.0 - 1);
        let frame = |change: &Change| OffsetCodec.change(room, change).into();
        let frames: Vec<Frame> = changes.iter().map(frame).collect();
        trail.offer(outbox, (room, after), &frames, &mut changes.iter())
    }

    /// The name of the event and its offset.
    fn seen(frame: &Frame) -> (String, Offset) {
        let text = String::from_utf8_lossy(&frame.bytes);
        let json = &text[text.find('[').expect("an event")..];
        let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
        let offset = json.as_array().and_then(|args| args.last()?.as_str()).expect("an offset");
        (json[0].as_str().unwrap_or_default().to_owned(), Offset::parse(offset).expect("valid"))
    }

    #[test]
    fn who_has_entered_one_room_shares_the_frames_of_all() {
        let (room, outbox) = (RoomId::generate(), Outbox::new(100_000));
        let trail = trail(&[(room, Rev(4))]);
        let change = said(room, 5, "a");
        offer(&trail, &outbox, room, std::slice::from_ref(&change));
        let frames = outbox.take();
        assert_eq!(frames[0].bytes, OffsetCodec.change(room, &change));
        assert_eq!(seen(&frames[0]).1, Offset(vec![(room.into(), Rev(5))]));
    }

    #[test]
    fn an_offset_names_every_room_and_nothing_that_was_not_taken() {
        let [one, two] = [RoomId::generate(), RoomId::generate()];
        let outbox = Outbox::new(1_000);
        let trail = trail(&[(one, Rev(4)), (two, Rev(9))]);
        offer(&trail, &outbox, two, &[said(two, 10, "a")]);
        let many: Vec<Change> = (5..20).map(|rev| said(one, rev, "a")).collect();
        let taken = offer(&trail, &outbox, one, &many) as u64;
        assert!(taken < 15, "the outbox has a bound");
        offer(&trail, &outbox, two, &[said(two, 11, "a")]);
        let frames = outbox.take();
        let last = seen(frames.back().expect("a frame")).1;
        assert_eq!(last, Offset(vec![(one.into(), Rev(4 + taken)), (two.into(), Rev(10))]));
        outbox.written(frames.iter().map(|frame| frame.bytes.len()).sum());
        offer(&trail, &outbox, two, &[said(two, 11, "a")]);
        let last = seen(&outbox.take()[0]).1;
        assert_eq!(last, Offset(vec![(one.into(), Rev(4 + taken)), (two.into(), Rev(11))]));
    }

    #[test]
    fn without_echo_only_the_offset_moves_on() {
        let (room, outbox) = (RoomId::generate(), Outbox::new(100_000));
        let trail = trail(&[(room, Rev(4))]);
        trail.note_own(ClientId::parse("mine").expect("valid"));
        offer(
            &trail,
            &outbox,
            room,
            &[said(room, 5, "mine"), said(room, 6, "from another device")],
        );
        let frames: Vec<_> = outbox.take().iter().map(seen).collect();
        let at = |rev| Offset(vec![(room.into(), Rev(rev))]);
        let names = [("entered".to_owned(), at(5)), ("chatMessage".to_owned(), at(6))];
        assert_eq!(frames, names);
    }

    #[test]
    fn too_many_rooms_give_no_offset() {
        let outbox = Outbox::new(100_000);
        let rooms: Vec<_> = (0..=Offset::ROOMS_MAX).map(|_| (RoomId::generate(), Rev(1))).collect();
        let room = rooms[3].0;
        let trail = trail(&rooms);
        offer(&trail, &outbox, room, &[said(room, 2, "a")]);
        let bytes = outbox.take()[0].bytes.clone();
        assert!(bytes.ends_with(b",\"-\"]"));
    }
}
