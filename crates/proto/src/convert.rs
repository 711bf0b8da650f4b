//! Wire types ⇄ domain types. Towards the domain every conversion checks; the fault names the field.

use hubbub_domain as domain;
use hubbub_domain::{
    ChangeKind, ClientId, Fault, MessageKind, Rev, RoomId, Seq, SystemNotice, Timestamp, UserId,
};

use crate::{
    history::v1::{self as history, change, message, system_notice::Event},
    room::v1 as room,
};

pub fn parse_room_id(text: &str) -> Result<RoomId, Fault> {
    text.parse()
}

pub fn parse_user_id(text: &str) -> Result<UserId, Fault> {
    UserId::parse(text)
}

pub fn parse_client_id(text: &str) -> Result<ClientId, Fault> {
    ClientId::parse(text)
}

/// A domain moment on the wire.
pub fn timestamp(moment: Timestamp) -> prost_types::Timestamp {
    let micros = moment.as_micros();
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1_000).expect("below 10^9"),
    }
}

/// A moment from the wire; what is finer than a microsecond is cut.
pub fn from_timestamp(moment: prost_types::Timestamp) -> Timestamp {
    let micros =
        moment.seconds.saturating_mul(1_000_000).saturating_add(i64::from(moment.nanos) / 1_000);
    Timestamp::from_micros(micros)
}

fn required<T>(value: Option<T>, field: &'static str) -> Result<T, Fault> {
    value.ok_or_else(|| Fault::bad_request(format!("{field} is missing")))
}

impl From<domain::Head> for history::Head {
    /// Without its room, which the caller fills in.
    fn from(head: domain::Head) -> Self {
        Self { room_id: String::new(), seq: head.seq.0, rev: head.rev.0 }
    }
}

impl history::Head {
    pub fn of(room: RoomId, head: domain::Head) -> Self {
        Self { room_id: room.to_string(), ..head.into() }
    }

    pub fn to_domain(&self) -> domain::Head {
        domain::Head { seq: Seq(self.seq), rev: Rev(self.rev) }
    }
}

impl From<domain::Body> for history::Body {
    fn from(body: domain::Body) -> Self {
        Self {
            text: body.text,
            attachments: body.attachments.into_iter().map(Into::into).collect(),
            reply_to_seq: body.reply_to.map_or(0, |seq| seq.0),
            mentions: body.mentions.into_iter().map(String::from).collect(),
        }
    }
}

impl TryFrom<history::Body> for domain::Body {
    type Error = Fault;

    fn try_from(body: history::Body) -> Result<Self, Fault> {
        Ok(Self {
            text: body.text,
            attachments: body.attachments.into_iter().map(Into::into).collect(),
            reply_to: (body.reply_to_seq > 0).then_some(Seq(body.reply_to_seq)),
            mentions: body
                .mentions
                .iter()
                .map(|user| UserId::parse(user))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl From<domain::Attachment> for history::Attachment {
    fn from(attachment: domain::Attachment) -> Self {
        let domain::Attachment { url, name, content_type, size_bytes, width, height, preview } =
            attachment;
        Self { url, name, content_type, size_bytes, width, height, preview }
    }
}

impl From<history::Attachment> for domain::Attachment {
    fn from(attachment: history::Attachment) -> Self {
        let history::Attachment { url, name, content_type, size_bytes, width, height, preview } =
            attachment;
        Self { url, name, content_type, size_bytes, width, height, preview }
    }
}

impl From<domain::Reaction> for history::Reaction {
    fn from(reaction: domain::Reaction) -> Self {
        Self { user_id: reaction.user.into(), emoji: reaction.emoji }
    }
}

impl TryFrom<history::Reaction> for domain::Reaction {
    type Error = Fault;

    fn try_from(reaction: history::Reaction) -> Result<Self, Fault> {
        Ok(Self { user: UserId::parse(&reaction.user_id)?, emoji: reaction.emoji })
    }
}

impl From<SystemNotice> for history::SystemNotice {
    fn from(notice: SystemNotice) -> Self {
        let event = match notice {
            SystemNotice::Created { by } => Event::Created(history::RoomCreated { by: by.into() }),
            SystemNotice::Joined { user } => {
                Event::Joined(history::MemberJoined { user_id: user.into() })
            }
            SystemNotice::Invited { user, by } => {
                Event::Invited(history::MemberInvited { user_id: user.into(), by: by.into() })
            }
            SystemNotice::Left { user } => {
                Event::Left(history::MemberLeft { user_id: user.into() })
            }
            SystemNotice::Removed { user, by } => {
                Event::Removed(history::MemberRemoved { user_id: user.into(), by: by.into() })
            }
            SystemNotice::RoleSet { user, role, by } => Event::RoleSet(history::MemberRoleSet {
                user_id: user.into(),
                role: role.as_str().to_owned(),
                by: by.into(),
            }),
            SystemNotice::Renamed { name, by } => {
                Event::Renamed(history::RoomRenamed { name, by: by.into() })
            }
            SystemNotice::TopicSet { topic, by } => {
                Event::TopicSet(history::RoomTopicSet { topic, by: by.into() })
            }
            SystemNotice::StateSet { state, by } => Event::StateSet(history::RoomStateSet {
                state: state.as_str().to_owned(),
                by: by.into(),
            }),
            SystemNotice::SlowModeSet { seconds, by } => {
                Event::SlowModeSet(history::SlowModeSet { seconds, by: by.into() })
            }
            SystemNotice::Announced { text } => Event::Announced(history::Announcement { text }),
        };
        Self { event: Some(event) }
    }
}

impl TryFrom<history::SystemNotice> for SystemNotice {
    type Error = Fault;

    fn try_from(notice: history::SystemNotice) -> Result<Self, Fault> {
        let user = |id: &str| UserId::parse(id);
        Ok(match required(notice.event, "system.event")? {
            Event::Created(e) => Self::Created { by: user(&e.by)? },
            Event::Joined(e) => Self::Joined { user: user(&e.user_id)? },
            Event::Invited(e) => Self::Invited { user: user(&e.user_id)?, by: user(&e.by)? },
            Event::Left(e) => Self::Left { user: user(&e.user_id)? },
            Event::Removed(e) => Self::Removed { user: user(&e.user_id)?, by: user(&e.by)? },
            Event::RoleSet(e) => {
                Self::RoleSet { user: user(&e.user_id)?, role: e.role.parse()?, by: user(&e.by)? }
            }
            Event::Renamed(e) => Self::Renamed { name: e.name, by: user(&e.by)? },
            Event::TopicSet(e) => Self::TopicSet { topic: e.topic, by: user(&e.by)? },
            Event::StateSet(e) => Self::StateSet { state: e.state.parse()?, by: user(&e.by)? },
            Event::SlowModeSet(e) => Self::SlowModeSet { seconds: e.seconds, by: user(&e.by)? },
            Event::Announced(e) => Self::Announced { text: e.text },
        })
    }
}

impl From<domain::Message> for history::Message {
    fn from(message: domain::Message) -> Self {
        let content = match message.kind {
            MessageKind::User(body) => Some(message::Content::Body(body.into())),
            MessageKind::System(notice) => Some(message::Content::System(notice.into())),
            MessageKind::Deleted => None,
        };
        Self {
            room_id: message.room.to_string(),
            seq: message.seq.0,
            rev: message.rev.0,
            message_id: message.id.to_string(),
            sender_id: message.sender.into(),
            client_id: message.client_id.into(),
            created_at: Some(timestamp(message.created_at)),
            edited_at: message.edited_at.map(timestamp),
            content,
            reactions: message.reactions.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<history::Message> for domain::Message {
    type Error = Fault;

    fn try_from(message: history::Message) -> Result<Self, Fault> {
        let kind = match message.content {
            Some(message::Content::Body(body)) => MessageKind::User(body.try_into()?),
            Some(message::Content::System(notice)) => MessageKind::System(notice.try_into()?),
            None => MessageKind::Deleted,
        };
        Ok(Self {
            room: parse_room_id(&message.room_id)?,
            seq: Seq(message.seq),
            rev: Rev(message.rev),
            id: message.message_id.parse()?,
            sender: UserId::parse(&message.sender_id)?,
            client_id: ClientId::parse(&message.client_id)?,
            kind,
            created_at: from_timestamp(required(message.created_at, "created_at")?),
            edited_at: message.edited_at.map(from_timestamp),
            reactions: message
                .reactions
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl From<domain::Change> for history::Change {
    /// Without a trace context, which the caller fills in.
    fn from(change: domain::Change) -> Self {
        let kind = match change.kind {
            ChangeKind::Posted(message) => change::Kind::Posted((*message).into()),
            ChangeKind::Edited { seq, body, at } => change::Kind::Edited(history::Edited {
                seq: seq.0,
                body: body.map(Into::into),
                at: Some(timestamp(at)),
            }),
            ChangeKind::Deleted { seq, by, at } => change::Kind::Deleted(history::Deleted {
                seq: seq.0,
                by: by.into(),
                at: Some(timestamp(at)),
            }),
            ChangeKind::Reacted { seq, reaction, on } => change::Kind::Reacted(history::Reacted {
                seq: seq.0,
                reaction: Some(reaction.into()),
                on,
            }),
        };
        Self { rev: change.rev.0, kind: Some(kind), traceparent: String::new() }
    }
}

impl TryFrom<history::Change> for domain::Change {
    type Error = Fault;

    fn try_from(change: history::Change) -> Result<Self, Fault> {
        let kind = match required(change.kind, "change.kind")? {
            change::Kind::Posted(message) => ChangeKind::Posted(Box::new(message.try_into()?)),
            change::Kind::Edited(edited) => ChangeKind::Edited {
                seq: Seq(edited.seq),
                body: edited.body.map(TryInto::try_into).transpose()?,
                at: from_timestamp(required(edited.at, "edited.at")?),
            },
            change::Kind::Deleted(deleted) => ChangeKind::Deleted {
                seq: Seq(deleted.seq),
                by: UserId::parse(&deleted.by)?,
                at: from_timestamp(required(deleted.at, "deleted.at")?),
            },
            change::Kind::Reacted(reacted) => ChangeKind::Reacted {
                seq: Seq(reacted.seq),
                reaction: required(reacted.reaction, "reacted.reaction")?.try_into()?,
                on: reacted.on,
            },
        };
        Ok(Self { rev: Rev(change.rev), kind })
    }
}

macro_rules! enum_conversion {
    ($($domain:ident, $field:literal: $($variant:ident),+;)+) => {$(
        impl From<domain::$domain> for room::$domain {
            fn from(value: domain::$domain) -> Self {
                match value { $(domain::$domain::$variant => Self::$variant),+ }
            }
        }

        impl room::$domain {
            /// Refuses the unspecified value; the fault names the field.
            pub fn to_domain(self) -> Result<domain::$domain, Fault> {
                match self {
                    Self::Unspecified => Err(Fault::bad_request(concat!($field, " is unspecified"))),
                    $(Self::$variant => Ok(domain::$domain::$variant)),+
                }
            }
        }
    )+};
}

enum_conversion! {
    RoomKind, "kind": Direct, Group, Public;
    RoomState, "state": Open, ReadOnly, Dissolved;
    Role, "role": Member, Admin, Owner;
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{
        Body, Change, ChangeKind, ClientId, Message, MessageId, MessageKind, Reaction, Rev, Role,
        RoomId, RoomState, Seq, SystemNotice, Timestamp, UserId,
    };
    use proptest::prelude::*;

    use super::{from_timestamp, timestamp};
    use crate::history::v1 as history;

    fn user() -> UserId {
        UserId::parse("alice").expect("valid")
    }

    fn message(kind: MessageKind) -> Message {
        Message {
            room: RoomId::generate(),
            seq: Seq(7),
            rev: Rev(9),
            id: MessageId::generate(),
            sender: user(),
            client_id: ClientId::parse("c-1").expect("valid"),
            kind,
            created_at: Timestamp::from_micros(1_700_000_000_000_001),
            edited_at: Some(Timestamp::from_micros(1_700_000_000_000_002)),
            reactions: vec![Reaction { user: user(), emoji: "👍".into() }],
        }
    }

    #[test]
    fn every_change_survives_the_wire() {
        let by = user();
        let notices = [
            SystemNotice::Created { by: by.clone() },
            SystemNotice::Joined { user: by.clone() },
            SystemNotice::Invited { user: by.clone(), by: by.clone() },
            SystemNotice::Left { user: by.clone() },
            SystemNotice::Removed { user: by.clone(), by: by.clone() },
            SystemNotice::RoleSet { user: by.clone(), role: Role::Admin, by: by.clone() },
            SystemNotice::Renamed { name: "n".into(), by: by.clone() },
            SystemNotice::TopicSet { topic: "t".into(), by: by.clone() },
            SystemNotice::StateSet { state: RoomState::ReadOnly, by: by.clone() },
            SystemNotice::SlowModeSet { seconds: 30, by: by.clone() },
            SystemNotice::Announced { text: "hello".into() },
        ];
        let at = Timestamp::from_micros(5);
        let reaction = Reaction { user: by.clone(), emoji: "👍".into() };
        let kinds = notices
            .into_iter()
            .map(|notice| ChangeKind::Posted(Box::new(message(MessageKind::System(notice)))))
            .chain([
                ChangeKind::Posted(Box::new(message(MessageKind::User(Body::text("hi"))))),
                ChangeKind::Posted(Box::new(message(MessageKind::Deleted))),
                ChangeKind::Edited { seq: Seq(1), body: Some(Body::text("ho")), at },
                ChangeKind::Edited { seq: Seq(1), body: None, at },
                ChangeKind::Deleted { seq: Seq(1), by, at },
                ChangeKind::Reacted { seq: Seq(1), reaction, on: true },
            ]);
        for kind in kinds {
            let change = Change { rev: Rev(3), kind };
            let wire = history::Change::from(change.clone());
            assert_eq!(Change::try_from(wire), Ok(change));
        }
    }

    proptest! {
        #[test]
        fn moments_survive_the_wire(micros in 0..253_402_300_799_999_999_i64) {
            let moment = Timestamp::from_micros(micros);
            prop_assert_eq!(from_timestamp(timestamp(moment)), moment);
        }
    }
}
