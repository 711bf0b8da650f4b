//! Rows as both databases give them, and their way into the model. What does not parse was written
//! by nobody we know: `Corrupt`, never a default.

use std::str::FromStr;

use hubbub_domain::{Timestamp, UserId};
use sqlx::FromRow;

use super::{Result, Standing};
use crate::{
    contacts::Link,
    error::StoreError,
    keys::StoredKey,
    model::{BlockNotice, Credentials, SessionId, User},
    policy::{Settings, Tie},
};

/// A stored text as a typed value.
pub(super) fn parse<T: FromStr>(text: &str, what: &'static str) -> Result<T> {
    text.parse().map_err(|_| StoreError::Corrupt(what))
}

pub(super) fn user_id(text: &str) -> Result<UserId> {
    parse(text, "a user id")
}

/// Rows into the model, all or none.
pub(super) fn convert<R, T>(rows: Vec<R>) -> Result<Vec<T>>
where
    T: TryFrom<R, Error = StoreError>,
{
    rows.into_iter().map(T::try_from).collect()
}

/// A list as one JSON parameter.
pub(super) fn json_texts<T: ToString>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    serde_json::json!(items).to_string()
}

/// What a [`UserRow`] reads, of a table named `u`.
macro_rules! user_columns {
    () => {
        "u.user_id, u.kind, u.name, u.display_name, u.colour, u.avatar_url, u.created_at_us, \
         u.expires_at_us "
    };
}
pub(super) use user_columns;

#[derive(FromRow)]
pub(super) struct UserRow {
    user_id: String,
    kind: String,
    name: String,
    display_name: String,
    colour: String,
    avatar_url: String,
    created_at_us: i64,
    expires_at_us: Option<i64>,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self> {
        Ok(Self {
            id: user_id(&row.user_id)?,
            kind: parse_kind(&row.kind)?,
            name: row.name,
            display_name: row.display_name,
            colour: row.colour,
            avatar_url: row.avatar_url,
            created_at: Timestamp::from_micros(row.created_at_us),
            expires_at: row.expires_at_us.map(Timestamp::from_micros),
        })
    }
}

fn parse_kind(text: &str) -> Result<crate::model::UserKind> {
    parse(text, "a user's kind")
}

#[derive(FromRow)]
pub(super) struct CredentialsRow {
    #[sqlx(flatten)]
    user: UserRow,
    password: Option<String>,
    banned_at_us: Option<i64>,
}

impl TryFrom<CredentialsRow> for Credentials {
    type Error = StoreError;

    fn try_from(row: CredentialsRow) -> Result<Self> {
        Ok(Self {
            user: row.user.try_into()?,
            password: row.password,
            banned: row.banned_at_us.is_some(),
        })
    }
}

#[derive(FromRow)]
pub(super) struct MeRow {
    #[sqlx(flatten)]
    user: UserRow,
    groups_from: String,
    presence_to: String,
}

impl TryFrom<MeRow> for (User, Settings) {
    type Error = StoreError;

    fn try_from(row: MeRow) -> Result<Self> {
        Ok((row.user.try_into()?, settings(&row.groups_from, &row.presence_to)?))
    }
}

#[derive(FromRow)]
pub(super) struct TieRow {
    place: i64,
    user_id: String,
    kind: String,
    groups_from: String,
    presence_to: String,
    contact: bool,
    blocked: bool,
}

impl TryFrom<TieRow> for (usize, Tie) {
    type Error = StoreError;

    fn try_from(row: TieRow) -> Result<Self> {
        let place = usize::try_from(row.place);
        let place = place.map_err(|_| StoreError::Corrupt("a negative place"))?;
        let tie = Tie {
            user: user_id(&row.user_id)?,
            kind: parse_kind(&row.kind)?,
            settings: settings(&row.groups_from, &row.presence_to)?,
            contact: row.contact,
            blocked: row.blocked,
        };
        Ok((place, tie))
    }
}

fn settings(groups_from: &str, presence_to: &str) -> Result<Settings> {
    Ok(Settings {
        groups_from: parse(groups_from, "an audience")?,
        presence_to: parse(presence_to, "an audience")?,
    })
}

#[derive(FromRow)]
pub(super) struct StandingRow {
    user_id: String,
    banned_at_us: Option<i64>,
    not_before_us: i64,
    expires_at_us: Option<i64>,
}

impl TryFrom<StandingRow> for Standing {
    type Error = StoreError;

    fn try_from(row: StandingRow) -> Result<Self> {
        Ok(Self {
            user: user_id(&row.user_id)?,
            banned: row.banned_at_us.is_some(),
            not_before: (row.not_before_us > 0).then(|| Timestamp::from_micros(row.not_before_us)),
            expires_at: row.expires_at_us.map(Timestamp::from_micros),
        })
    }
}

#[derive(FromRow)]
pub(super) struct SessionRow {
    pub(super) session_id: String,
    pub(super) user_id: String,
}

impl TryFrom<SessionRow> for (SessionId, UserId) {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self> {
        Ok((parse(&row.session_id, "a session id")?, user_id(&row.user_id)?))
    }
}

#[derive(FromRow)]
pub(super) struct KeyRow {
    key_id: String,
    pkcs8: Vec<u8>,
    active_from_us: i64,
}

impl From<KeyRow> for StoredKey {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.key_id,
            pkcs8: row.pkcs8,
            active_from: Timestamp::from_micros(row.active_from_us),
        }
    }
}

#[derive(FromRow)]
pub(super) struct ContactRow {
    #[sqlx(flatten)]
    user: UserRow,
    state: String,
    changed_at_us: i64,
}

impl TryFrom<ContactRow> for (User, Link, Timestamp) {
    type Error = StoreError;

    fn try_from(row: ContactRow) -> Result<Self> {
        let link = parse(&row.state, "a contact's state")?;
        Ok((row.user.try_into()?, link, Timestamp::from_micros(row.changed_at_us)))
    }
}

#[derive(FromRow)]
pub(super) struct BlockRow {
    user_id: String,
    peer_id: String,
    blocked: bool,
    version: i64,
}

impl TryFrom<BlockRow> for BlockNotice {
    type Error = StoreError;

    fn try_from(row: BlockRow) -> Result<Self> {
        Ok(Self {
            user: user_id(&row.user_id)?,
            peer: user_id(&row.peer_id)?,
            blocked: row.blocked,
            version: u64::try_from(row.version)
                .map_err(|_| StoreError::Corrupt("a negative version"))?,
        })
    }
}
