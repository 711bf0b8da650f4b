//! What both adapters keep alike: how a message and a change are written into columns and read back.
//!
//! A body's text has a column of its own; attachments, reply_to and mentions, which most messages
//! have none of, are one JSON value or null.

use hubbub_domain::{
    Body, Change, ChangeKind, ClientId, Fault, Head, Message, MessageId, MessageKind, Reaction,
    Rev, RoomId, Seq, Timestamp, UserId,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{Content, Post, StoreError, Survived, Version};
use crate::rules::{Reacted, Target, TargetState};

/// A row of messages, with its reactions as a JSON array.
#[derive(sqlx::FromRow)]
pub(super) struct MessageRow {
    pub room_id: Uuid,
    pub seq: i64,
    pub rev: i64,
    pub message_id: Uuid,
    pub sender_id: String,
    pub client_id: String,
    pub text: Option<String>,
    pub extra: Option<String>,
    pub system: Option<String>,
    pub created_at_us: i64,
    pub edited_at_us: Option<i64>,
    pub deleted_at_us: Option<i64>,
    pub reactions: Option<String>,
}

impl MessageRow {
    pub(super) fn message(self) -> Result<Message, StoreError> {
        let kind = match (self.deleted_at_us, &self.system) {
            (Some(_), _) => MessageKind::Deleted,
            (None, Some(notice)) => MessageKind::System(from_json(notice)?),
            (None, None) => MessageKind::User(body(self.text, self.extra.as_deref())?),
        };
        Ok(Message {
            room: RoomId::from_uuid(self.room_id),
            seq: Seq(unsigned(self.seq)?),
            rev: Rev(unsigned(self.rev)?),
            id: MessageId::from_uuid(self.message_id),
            sender: stored(UserId::parse(&self.sender_id))?,
            client_id: stored(ClientId::parse(&self.client_id))?,
            kind,
            created_at: Timestamp::from_micros(self.created_at_us),
            edited_at: self.edited_at_us.map(Timestamp::from_micros),
            reactions: match self.reactions {
                Some(reactions) => from_json::<Vec<Reaction>>(&reactions)?,
                None => Vec::new(),
            },
        })
    }
}

/// The change that a message's posting was.
pub(crate) fn posted(message: Message) -> Change {
    Change { rev: message.rev, kind: ChangeKind::Posted(Box::new(message)) }
}

/// A row of changes.
#[derive(sqlx::FromRow)]
pub(super) struct ChangeRow {
    pub rev: i64,
    pub kind: String,
    pub target_seq: i64,
    pub actor_id: String,
    pub payload: Option<String>,
    pub at_us: i64,
}

impl ChangeRow {
    pub(super) fn change(self) -> Result<Change, StoreError> {
        let seq = Seq(unsigned(self.target_seq)?);
        let at = Timestamp::from_micros(self.at_us);
        let by = stored(UserId::parse(&self.actor_id))?;
        let payload = self.payload.as_deref();
        let kind = match (self.kind.as_str(), payload) {
            ("edit", body) => {
                ChangeKind::Edited { seq, body: body.map(from_json).transpose()?, at }
            }
            ("delete", _) => ChangeKind::Deleted { seq, by, at },
            ("react", Some(payload)) => {
                let ReactPayload { emoji, on } = from_json(payload)?;
                ChangeKind::Reacted { seq, reaction: Reaction { user: by, emoji }, on }
            }
            _ => return Err(StoreError::Defect("a change of an unknown kind".into())),
        };
        Ok(Change { rev: Rev(unsigned(self.rev)?), kind })
    }
}

/// What a change is stored as.
pub(super) struct ChangeColumns<'a> {
    pub kind: &'static str,
    pub seq: Seq,
    pub actor: &'a UserId,
    pub payload: Option<String>,
    pub at: Timestamp,
}

/// What a reaction's change says, besides who and on what.
#[derive(Serialize, Deserialize)]
pub(super) struct ReactPayload {
    pub emoji: String,
    pub on: bool,
}

/// What an edit's change says: the new body, and beside it what the message said first, with its first
/// edit alone. Both go when the message is deleted.
#[derive(Serialize, Deserialize)]
pub(super) struct EditPayload {
    #[serde(flatten)]
    pub body: Body,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Body>,
}

/// What a message says now.
#[derive(sqlx::FromRow)]
pub(super) struct BodyRow {
    text: Option<String>,
    extra: Option<String>,
    is_edited: bool,
}

impl BodyRow {
    /// The body, and what an edit of it has to keep.
    pub(super) fn before(self) -> Result<(Body, Option<Body>), StoreError> {
        let body = body(self.text, self.extra.as_deref())?;
        let kept = (!self.is_edited).then(|| body.clone());
        Ok((body, kept))
    }
}

/// A row of `edits.sql`: the message, and one of its versions.
#[derive(sqlx::FromRow)]
pub(super) struct VersionRow {
    #[sqlx(flatten)]
    pub target: TargetRow,
    rev: Option<i64>,
    at_us: Option<i64>,
    body: Option<String>,
}

impl VersionRow {
    /// `None` when there is none on this page.
    pub(super) fn version(self) -> Result<Option<Version>, StoreError> {
        let (Some(rev), Some(at_us), Some(body)) = (self.rev, self.at_us, self.body) else {
            return Ok(None);
        };
        let at = Timestamp::from_micros(at_us);
        Ok(Some(Version { rev: Rev(unsigned(rev)?), at, body: from_json(&body)? }))
    }
}

/// The reactions of a message, counted.
#[derive(sqlx::FromRow)]
pub(super) struct ReactedRow {
    count: i64,
    own: i64,
    emoji: i64,
    present: bool,
    known: bool,
}

impl ReactedRow {
    pub(super) fn reacted(&self) -> Result<Reacted, StoreError> {
        let Self { present, known, .. } = *self;
        let (count, own, emoji) =
            (unsigned(self.count)?, unsigned(self.own)?, unsigned(self.emoji)?);
        Ok(Reacted { present, count, own, emoji, known })
    }
}

/// What the rules ask about a message, and where its room stands.
#[derive(sqlx::FromRow)]
pub(super) struct TargetRow {
    pub sender_id: String,
    pub is_system: bool,
    pub is_deleted: bool,
}

impl TargetRow {
    pub(super) fn target(&self, seq: Seq) -> Result<Target, StoreError> {
        let state = match (self.is_deleted, self.is_system) {
            (true, _) => TargetState::Deleted,
            (false, true) => TargetState::System,
            (false, false) => TargetState::User,
        };
        Ok(Target { seq, sender: stored(UserId::parse(&self.sender_id))?, state })
    }
}

/// For how long a message's sender must have been silent, in microseconds.
pub(super) fn pause_us(post: &Post) -> i64 {
    i64::try_from(post.pause.as_micros()).unwrap_or(COUNTER_MAX)
}

/// What a new message is stored as.
pub(super) struct ContentColumns<'a> {
    pub text: Option<&'a str>,
    pub extra: Option<String>,
    pub system: Option<String>,
}

impl<'a> ContentColumns<'a> {
    pub(super) fn of(content: &'a Content) -> Self {
        match content {
            Content::User(body) => Self::of_body(body),
            Content::System(notice) => {
                Self { text: None, extra: None, system: Some(to_json(notice)) }
            }
        }
    }

    pub(super) fn of_body(body: &'a Body) -> Self {
        Self { text: Some(&body.text), extra: extra(body), system: None }
    }
}

fn extra(body: &Body) -> Option<String> {
    let Body { text: _, attachments, reply_to, mentions } = body;
    if attachments.is_empty() && reply_to.is_none() && mentions.is_empty() {
        return None;
    }
    let rest = Body { text: String::new(), ..body.clone() };
    Some(to_json(&rest))
}

fn body(text: Option<String>, extra: Option<&str>) -> Result<Body, StoreError> {
    let rest = extra.map_or(Ok(Body::default()), from_json)?;
    Ok(Body { text: text.unwrap_or_default(), ..rest })
}

/// A room of an answer about an earlier epoch.
#[derive(sqlx::FromRow)]
pub(super) struct SurvivedRow {
    /// `None` while the server has not begun an epoch.
    epoch: Option<Uuid>,
    known: bool,
    /// False in the one row of an answer about no room.
    asked: bool,
    rev: i64,
    seq: i64,
}

impl SurvivedRow {
    pub(super) fn survived(rows: &[Self]) -> Result<Survived, StoreError> {
        let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        let epoch = first.epoch.ok_or(StoreError::OtherServer)?;
        let asked = rows.iter().filter(|row| row.asked);
        let heads = asked.map(|row| head(row.seq, row.rev)).collect::<Result<_, _>>()?;
        Ok(Survived { epoch, heads: first.known.then_some(heads) })
    }
}

pub(super) fn head(seq: i64, rev: i64) -> Result<Head, StoreError> {
    Ok(Head { seq: Seq(unsigned(seq)?), rev: Rev(unsigned(rev)?) })
}

pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("domain values have string keys and no failing fields")
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    // The error's own words could quote a message.
    serde_json::from_str(text).map_err(|_| StoreError::Defect("stored JSON does not parse".into()))
}

pub(super) fn stored<T>(parsed: Result<T, Fault>) -> Result<T, StoreError> {
    parsed.map_err(|_| StoreError::Defect("a stored id does not parse".into()))
}

/// Counters are stored signed and never negative.
pub(super) fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Defect("a stored counter is negative".into()))
}

/// The greatest counter a store is asked about: no room gets there, and a limit can be added to it.
const COUNTER_MAX: i64 = 1 << 62;

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).map_or(COUNTER_MAX, |number| number.min(COUNTER_MAX))
}
