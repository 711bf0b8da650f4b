//! What one client did and saw, in order.

use std::collections::HashMap;

use hubbub_client_protocol::{Appended, ErrorView, Event, MessageView, WelcomeRoom};
use hubbub_domain::{ClientId, Rev, RoomId, UserId};
use tokio::time::Instant;

#[derive(Clone, Debug)]
pub struct ClientLog {
    pub user: UserId,
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
    /// The view of a room begins, or begins anew, after this revision.
    Begun {
        room: RoomId,
        rev: Rev,
    },
    /// The view of a room ends.
    Left {
        room: RoomId,
    },
    /// A durable event; the message, if it is one.
    Delivered {
        room: RoomId,
        rev: Rev,
        message: Option<Box<MessageView>>,
    },
    /// Messages of a page: the newest, after a reset.
    Shown {
        message: Box<MessageView>,
    },
}

impl ClientLog {
    pub fn new(user: UserId) -> Self {
        Self { user, entries: Vec::new(), revs: HashMap::new() }
    }

    /// Rooms that are new begin at what the welcome says; the others go on.
    pub(crate) fn welcomed(&mut self, rooms: &[WelcomeRoom]) {
        for room in rooms {
            if !self.revs.contains_key(&room.room) {
                self.begin(room.room, room.rev);
            }
        }
    }

    pub(crate) fn heard(&mut self, event: Event) {
        match event {
            Event::Message(message) => {
                let (room, rev) = (message.room, message.rev);
                self.delivered(room, rev, Some(message));
            }
            Event::Edited { room, rev, .. }
            | Event::Deleted { room, rev, .. }
            | Event::Reacted { room, rev, .. } => self.delivered(room, rev, None),
            Event::Joined(joined) => self.begin(joined.room, joined.rev),
            Event::Left { room } => {
                self.revs.remove(&room);
                self.entries.push(Entry::Left { room });
            }
            Event::Reset { room, rev, messages, .. } => {
                self.begin(room, rev);
                let shown = messages.into_iter().map(|it| Entry::Shown { message: Box::new(it) });
                self.entries.extend(shown);
            }
            _ => {}
        }
    }

    fn begin(&mut self, room: RoomId, rev: Rev) {
        self.revs.insert(room, rev);
        self.entries.push(Entry::Begun { room, rev });
    }

    fn delivered(&mut self, room: RoomId, rev: Rev, message: Option<Box<MessageView>>) {
        let last = self.revs.entry(room).or_insert(rev);
        *last = rev.max(*last);
        self.entries.push(Entry::Delivered { room, rev, message });
    }
}
