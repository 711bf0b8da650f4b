//! A change as it goes to many: decoded once, and encoded once for each door that needs it. All
//! sessions of a door share the same bytes.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use hubbub_domain::{Change, Rev, RoomId};

use crate::session::{Codec, Frame};

/// Doors that can have an encoding of their own.
const DOORS_MAX: usize = 4;

#[derive(Debug)]
pub(crate) struct Encoded {
    room: RoomId,
    change: Change,
    frames: [OnceLock<Bytes>; DOORS_MAX],
    /// Keeps the trace of a sampled message open until the last recipient's frame was written.
    trace: Option<Arc<tracing::Span>>,
}

impl Encoded {
    pub(crate) fn new(room: RoomId, change: Change, trace: Option<Arc<tracing::Span>>) -> Arc<Self> {
        Arc::new(Self { room, change, frames: Default::default(), trace })
    }

    pub(crate) const fn rev(&self) -> Rev {
        self.change.rev
    }

    pub(crate) const fn change(&self) -> &Change {
        &self.change
    }

    /// The frame for one door, encoded by the first who asks.
    pub(crate) fn frame(&self, codec: &dyn Codec) -> Frame {
        let bytes = self.frames[codec.slot()]
            .get_or_init(|| codec.change(self.room, &self.change))
            .clone();
        Frame { bytes, trace: self.trace.clone() }
    }

    /// What the change weighs in a ring: its first encoding, or a guess before there is one.
    pub(crate) fn weight(&self) -> usize {
        const UNENCODED_BYTES: usize = 512;
        let encoded = self.frames.iter().find_map(OnceLock::get);
        encoded.map_or(UNENCODED_BYTES, Bytes::len)
    }
}
