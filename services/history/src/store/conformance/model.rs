//! A room as anybody would write it down: what the stores are compared with.

use hubbub_domain::{
    Body, Change, ChangeKind, Message, MessageKind, Reaction, Rev, Seq, Timestamp, UserId,
};
use proptest::prelude::*;

/// What somebody does in a room. Seqs and users are taken modulo what there is.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Post { sender: u8, count: u8 },
    Edit { seq: u8 },
    Delete { seq: u8 },
    React { seq: u8, user: u8, emoji: u8, on: bool },
}

pub(super) fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        3 => (0..4_u8, 1..4_u8).prop_map(|(sender, count)| Op::Post { sender, count }),
        2 => any::<u8>().prop_map(|seq| Op::Edit { seq }),
        1 => any::<u8>().prop_map(|seq| Op::Delete { seq }),
        3 => (any::<u8>(), 0..3_u8, 0..2_u8, any::<bool>())
            .prop_map(|(seq, user, emoji, on)| Op::React { seq, user, emoji, on }),
    ];
    prop::collection::vec(op, 1..25)
}

/// The room as it stands, and everything that happened in it.
#[derive(Default)]
pub(super) struct Model {
    pub messages: Vec<Message>,
    changes: Vec<Change>,
}

impl Model {
    pub(super) fn message(&self, seq: u8) -> Option<&Message> {
        let count = self.messages.len();
        (count > 0).then(|| &self.messages[usize::from(seq) % count])
    }

    pub(super) fn rev(&self) -> Rev {
        Rev(self.changes.len() as u64)
    }

    pub(super) fn posted(&mut self, message: Message) {
        assert_eq!(
            (message.seq.0 as usize, message.rev),
            (self.messages.len() + 1, self.rev().next())
        );
        self.record(ChangeKind::Posted(Box::new(message.clone())));
        self.messages.push(message);
    }

    pub(super) fn edited(&mut self, seq: Seq, body: &Body, at: Timestamp) {
        let message = self.at(seq);
        message.kind = MessageKind::User(body.clone());
        message.edited_at = Some(at);
        self.record(ChangeKind::Edited { seq, body: Some(body.clone()), at });
    }

    pub(super) fn deleted(&mut self, seq: Seq, by: UserId, at: Timestamp) {
        let message = self.at(seq);
        message.kind = MessageKind::Deleted;
        message.reactions.clear();
        self.record(ChangeKind::Deleted { seq, by, at });
    }

    pub(super) fn reacted(&mut self, seq: Seq, reaction: Reaction, on: bool) {
        let reactions = &mut self.at(seq).reactions;
        reactions.retain(|other| *other != reaction);
        if on {
            reactions.push(reaction.clone());
            reactions.sort();
        }
        self.record(ChangeKind::Reacted { seq, reaction, on });
    }

    /// The changes after a revision as they read now.
    pub(super) fn replay(&self, after: Rev) -> Vec<Change> {
        let mut changes = self.changes[after.0 as usize..].to_vec();
        for change in &mut changes {
            match &mut change.kind {
                ChangeKind::Posted(message) => {
                    **message = self.messages[message.seq.0 as usize - 1].clone();
                }
                ChangeKind::Edited { seq, body, .. } => {
                    if self.messages[seq.0 as usize - 1].kind == MessageKind::Deleted {
                        *body = None;
                    }
                }
                ChangeKind::Deleted { .. } | ChangeKind::Reacted { .. } => {}
            }
        }
        changes
    }

    fn at(&mut self, seq: Seq) -> &mut Message {
        &mut self.messages[seq.0 as usize - 1]
    }

    fn record(&mut self, kind: ChangeKind) {
        let rev = self.rev().next();
        self.changes.push(Change { rev, kind });
    }
}
