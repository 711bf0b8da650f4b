//! A change as it goes to many: decoded once, and encoded once for each door that needs it. All
//! sessions of a door share the same bytes.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use hubbub_domain::{Body, Change, ChangeKind, MessageKind, Rev, RoomId};

use super::Epoch;
use crate::session::Codec;

/// Doors that can have an encoding of their own.
pub(super) const DOORS_MAX: usize = 4;

#[derive(Debug)]
pub(crate) struct Encoded {
    room: RoomId,
    epoch: Epoch,
    change: Change,
    weight: usize,
    frames: [OnceLock<Bytes>; DOORS_MAX],
}

/// A change on its way to those who are there now.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) change: Arc<Encoded>,
    /// The span of a sampled message: it ends when the last recipient's frame was written.
    pub(crate) trace: Option<Arc<tracing::Span>>,
    /// How long it took is measured where this copy of it goes.
    pub(crate) measured: bool,
}

impl From<Arc<Encoded>> for Live {
    fn from(change: Arc<Encoded>) -> Self {
        Self { change, trace: None, measured: false }
    }
}

impl Encoded {
    pub(crate) fn new((room, epoch): (RoomId, Epoch), change: Change) -> Arc<Self> {
        let weight = weight(&change);
        Arc::new(Self { room, epoch, change, weight, frames: Default::default() })
    }

    pub(crate) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) const fn room(&self) -> RoomId {
        self.room
    }

    pub(crate) const fn rev(&self) -> Rev {
        self.change.rev
    }

    pub(crate) const fn change(&self) -> &Change {
        &self.change
    }

    /// The bytes for one door, encoded by the first who asks.
    pub(crate) fn bytes(&self, codec: &dyn Codec) -> &Bytes {
        self.frames[codec.slot()].get_or_init(|| codec.change(self.room, &self.change))
    }

    /// About what the change weighs in memory.
    pub(crate) const fn weight(&self) -> usize {
        self.weight
    }
}

/// A change without its texts, with what belongs to it, and one encoding.
const CHANGE_BYTES: usize = 512;

fn weight(change: &Change) -> usize {
    let texts = |body: &Body| {
        let attachments = body.attachments.iter().map(|it| it.url.len() + it.name.len() + 64);
        body.text.len() + attachments.sum::<usize>() + 32 * body.mentions.len()
    };
    let texts = match &change.kind {
        ChangeKind::Posted(message) => match &message.kind {
            MessageKind::User(body) => texts(body),
            MessageKind::System(_) | MessageKind::Deleted => 0,
        },
        ChangeKind::Edited { body: Some(body), .. } => texts(body),
        _ => 0,
    };
    // Once decoded, and once encoded.
    CHANGE_BYTES + 2 * texts
}

#[cfg(test)]
pub(super) mod sample {
    use std::sync::Arc;

    use hubbub_domain::{
        Change, ChangeKind, ClientId, Message, MessageId, MessageKind, Rev, RoomId, Seq,
        SystemNotice, Timestamp, UserId,
    };

    use super::{Encoded, Epoch};

    /// A notice that stands in a room's order.
    pub(in crate::hub) fn told(room: RoomId, rev: u64, notice: SystemNotice) -> Arc<Encoded> {
        let message = Message {
            room,
            seq: Seq(rev),
            rev: Rev(rev),
            id: MessageId::generate(),
            sender: UserId::parse("hubbub").expect("valid"),
            client_id: ClientId::parse(&rev.to_string()).expect("valid"),
            kind: MessageKind::System(notice),
            created_at: Timestamp::default(),
            edited_at: None,
            reactions: vec![],
        };
        let kind = ChangeKind::Posted(Box::new(message));
        Encoded::new((room, Epoch::UNKNOWN), Change { rev: Rev(rev), kind })
    }
}
