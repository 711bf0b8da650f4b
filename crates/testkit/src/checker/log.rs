//! What one client did and saw, in order.

use std::collections::{HashMap, HashSet};

use hubbub_client_protocol::{Appended, ErrorView, Event, MessageView, WelcomeRoom};
use hubbub_domain::{ClientId, Rev, RoomId, UserId};
use tokio::time::Instant;

#[derive(Clone, Debug)]
pub struct ClientLog {
    pub user: UserId,
    /// The views that were open when the log began, and how far each had come.
    pub views: HashMap<RoomId, Rev>,
    pub entries: Vec<Entry>,
    /// The last revision of each room, as the client would hand it back in `resume`.
    pub revs: HashMap<RoomId, Rev>,
}

#[derive(Clone, Debug)]
pub enum Entry {
    Sent {
        at: Instant,
        room: RoomId,
        client_id: ClientId,
        text: String,
    },
    Acked {
        at: Instant,
        room: RoomId,
        client_id: ClientId,
        appended: Appended,
    },
    Refused {
        client_id: ClientId,
        error: ErrorView,
    },
    /// The view of a room begins after this revision.
    Begun {
        room: RoomId,
        rev: Rev,
    },
    /// The view begins anew: what was missed is too much, and the newest page is shown instead.
    Reset {
        room: RoomId,
        rev: Rev,
    },
    /// What the client held of a room means nothing any more: it waits for a reset.
    Forgotten {
        room: RoomId,
    },
    /// The view of a room ends.
    Left {
        room: RoomId,
    },
    /// A durable event; the message, if it is one.
    Delivered {
        at: Instant,
        room: RoomId,
        rev: Rev,
        message: Option<Box<MessageView>>,
    },
    /// A message of a page: of the newest after a reset, or of one that was asked for.
    Shown {
        at: Instant,
        message: Box<MessageView>,
    },
}

impl ClientLog {
    pub fn new(user: UserId) -> Self {
        Self { user, views: HashMap::new(), entries: Vec::new(), revs: HashMap::new() }
    }

    /// What was written down so far; the log goes on from here.
    pub fn take(&mut self) -> Self {
        let rest = Self {
            user: self.user.clone(),
            views: self.revs.clone(),
            entries: Vec::new(),
            revs: self.revs.clone(),
        };
        std::mem::replace(self, rest)
    }

    /// Rooms that are new begin at what the welcome says; the others go on. When it names all rooms,
    /// those it does not name are left.
    pub fn welcomed(&mut self, rooms: &[WelcomeRoom], rooms_total: usize) {
        for room in rooms.iter().filter(|room| room.reset) {
            self.revs.remove(&room.room);
            self.entries.push(Entry::Forgotten { room: room.room });
        }
        for room in rooms.iter().filter(|room| !room.reset) {
            if !self.revs.contains_key(&room.room) {
                self.begin(room.room, room.rev);
            }
        }
        if rooms_total == rooms.len() {
            let named: HashSet<RoomId> = rooms.iter().map(|room| room.room).collect();
            let gone = self.revs.keys().filter(|room| !named.contains(room)).copied();
            for room in gone.collect::<Vec<_>>() {
                self.left(room);
            }
        }
    }

    /// Takes what the client was told.
    pub fn heard(&mut self, event: Event) {
        match event {
            Event::Message(message) => {
                let (room, rev) = (message.room, message.rev);
                self.delivered(room, rev, Some(message));
            }
            Event::Edited { room, rev, .. }
            | Event::Deleted { room, rev, .. }
            | Event::Reacted { room, rev, .. } => self.delivered(room, rev, None),
            Event::Joined(joined) => self.begin(joined.room, joined.rev),
            Event::Left { room } => self.left(room),
            Event::Reset { room, rev, messages, .. } => {
                self.revs.insert(room, rev);
                self.entries.push(Entry::Reset { room, rev });
                self.shown(messages);
            }
            _ => {}
        }
    }

    pub fn shown(&mut self, messages: Vec<MessageView>) {
        let at = Instant::now();
        let shown = messages.into_iter().map(|it| Entry::Shown { at, message: Box::new(it) });
        self.entries.extend(shown);
    }

    fn left(&mut self, room: RoomId) {
        self.revs.remove(&room);
        self.entries.push(Entry::Left { room });
    }

    fn begin(&mut self, room: RoomId, rev: Rev) {
        self.revs.insert(room, rev);
        self.entries.push(Entry::Begun { room, rev });
    }

    fn delivered(&mut self, room: RoomId, rev: Rev, message: Option<Box<MessageView>>) {
        let last = self.revs.entry(room).or_insert(rev);
        *last = rev.max(*last);
        self.entries.push(Entry::Delivered { at: Instant::now(), room, rev, message });
    }
}
