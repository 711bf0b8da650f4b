//! The recent changes of a room, kept so that a session which fell behind or came back is caught up
//! without asking history. Contiguous; bounded in number and in bytes, the oldest goes first.

use std::{collections::VecDeque, sync::Arc};

use hubbub_domain::{ChangeKind, MessageKind, Rev, Seq, Timestamp};

use super::Encoded;

/// Changes a room keeps. At the bound the oldest goes; who needs it asks history.
const CHANGES_MAX: usize = 256;
/// Bytes (as first encoded) a room keeps. At the bound the oldest goes.
const BYTES_MAX: usize = 256 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Ring {
    changes: VecDeque<Arc<Encoded>>,
    bytes: usize,
}

impl Ring {
    /// Adds the next change. Changes come in order, so the ring stays contiguous.
    pub(crate) fn push(&mut self, change: Arc<Encoded>) {
        self.bytes += change.weight();
        self.changes.push_back(change);
        while self.changes.len() > CHANGES_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.changes.pop_front() else { break };
            self.bytes -= oldest.weight();
        }
    }

    /// The changes after `rev`, or `None` when some of them are no longer kept.
    pub(crate) fn after(&self, rev: Rev) -> Option<impl Iterator<Item = &Arc<Encoded>>> {
        let first = self.changes.front()?.rev();
        let skip = usize::try_from((rev.0 + 1).checked_sub(first.0)?).ok()?;
        Some(self.changes.iter().skip(skip))
    }

    /// The newest message among them, if any of them is one.
    pub(crate) fn newest_seq(&self) -> Option<Seq> {
        self.changes.iter().rev().find_map(|change| match &change.change().kind {
            ChangeKind::Posted(message) => Some(message.seq),
            _ => None,
        })
    }

    /// Forgets the changes after `rev`.
    pub(crate) fn forget_after(&mut self, rev: Rev) {
        while let Some(newest) = self.changes.pop_back_if(|change| change.rev() > rev) {
            self.bytes -= newest.weight();
        }
    }

    /// When the newest message of a person among them was stored.
    pub(crate) fn newest_said_at(&self) -> Option<Timestamp> {
        self.changes.iter().rev().find_map(|change| match &change.change().kind {
            ChangeKind::Posted(message) if !matches!(message.kind, MessageKind::System(_)) => {
                Some(message.created_at)
            }
            _ => None,
        })
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
