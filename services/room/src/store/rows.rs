//! Rows as both databases give them, and their way into the model. What does not parse was written
//! by nobody we know: `Corrupt`, never a default.

use hubbub_domain::{Role, RoomId, RoomKind, RoomState, Seq, SystemNotice, Timestamp, UserId};
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

use super::{Marked, Moved, Progress, Result};
use crate::{
    change::Departed,
    error::StoreError,
    model::{ChatFlags, ChatRecord, Member, Membership, PendingNotice, Room},
};

/// A stored text as a typed value.
pub(super) fn parse<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T> {
    text.parse().map_err(|_| StoreError::Corrupt(what))
}

fn parse_user(text: Option<&str>) -> Result<Option<UserId>> {
    text.map(|text| parse(text, "a user id")).transpose()
}

pub(super) fn unsigned(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|_| StoreError::Corrupt("a negative number"))
}

fn small(number: i64) -> Result<u32> {
    u32::try_from(number).map_err(|_| StoreError::Corrupt("a count"))
}

/// A number for a BIGINT column. Callers bound what comes from outside; the rest counts from 0.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Rows into the model, all or none.
pub(super) fn convert<R, T>(rows: Vec<R>) -> Result<Vec<T>>
where
    T: TryFrom<R, Error = StoreError>,
{
    rows.into_iter().map(T::try_from).collect()
}

#[derive(FromRow)]
pub(super) struct DepartedRow {
    user_id: String,
    for_good: bool,
}

impl TryFrom<DepartedRow> for Departed {
    type Error = StoreError;

    fn try_from(row: DepartedRow) -> Result<Self> {
        Ok(Self { user: parse(&row.user_id, "a user id")?, for_good: row.for_good })
    }
}

/// Rooms with their places in the list that was asked about.
pub(super) fn placed(rows: Vec<(i64, Uuid)>) -> Vec<(usize, RoomId)> {
    let placed = |(place, room)| Some((usize::try_from(place).ok()?, RoomId::from_uuid(room)));
    rows.into_iter().filter_map(placed).collect()
}

/// What a [`RoomRow`] reads, of a table named `r`.
macro_rules! room_columns {
    () => {
        "r.room_id, r.kind, r.name AS room_name, r.topic, r.state, r.slow_mode_seconds, \
         r.member_count, \
         r.created_at_us AS room_created_at_us, r.user_low, r.user_high, r.blocked "
    };
}
pub(super) use room_columns;

/// What a [`MembershipRow`] reads, of records `c`, members `m` and rooms `r`.
macro_rules! membership_columns {
    () => {
        "c.user_id, c.room_id, r.kind, r.state, r.slow_mode_seconds, m.role, c.last_read_seq, \
         c.joined_at_us, \
         c.muted, c.pinned, c.peer_id, r.name AS room_name, r.blocked "
    };
}
pub(super) use membership_columns;

#[derive(FromRow)]
pub(super) struct RoomRow {
    pub(super) room_id: Uuid,
    kind: String,
    room_name: String,
    topic: String,
    state: String,
    slow_mode_seconds: i64,
    member_count: i64,
    room_created_at_us: i64,
    user_low: Option<String>,
    user_high: Option<String>,
    blocked: bool,
}

impl TryFrom<RoomRow> for Room {
    type Error = StoreError;

    fn try_from(row: RoomRow) -> Result<Self> {
        let low = parse_user(row.user_low.as_deref())?;
        let high = parse_user(row.user_high.as_deref())?;
        Ok(Self {
            id: RoomId::from_uuid(row.room_id),
            kind: parse::<RoomKind>(&row.kind, "a room's kind")?,
            name: row.room_name,
            topic: row.topic,
            state: parse::<RoomState>(&row.state, "a room's state")?,
            slow_mode_seconds: small(row.slow_mode_seconds)?,
            member_count: small(row.member_count)?,
            created_at: Timestamp::from_micros(row.room_created_at_us),
            pair: low.zip(high),
            blocked: row.blocked,
        })
    }
}

#[derive(FromRow)]
pub(super) struct RoomRoleRow {
    #[sqlx(flatten)]
    room: RoomRow,
    role: String,
}

impl TryFrom<RoomRoleRow> for (Room, Role) {
    type Error = StoreError;

    fn try_from(row: RoomRoleRow) -> Result<Self> {
        Ok((row.room.try_into()?, parse(&row.role, "a role")?))
    }
}

#[derive(FromRow)]
pub(super) struct MemberRow {
    user_id: String,
    role: String,
    joined_at_us: i64,
}

impl TryFrom<MemberRow> for Member {
    type Error = StoreError;

    fn try_from(row: MemberRow) -> Result<Self> {
        Ok(Self {
            user: parse(&row.user_id, "a user id")?,
            role: parse(&row.role, "a role")?,
            joined_at: Timestamp::from_micros(row.joined_at_us),
        })
    }
}

#[derive(FromRow)]
pub(super) struct MembershipRow {
    user_id: String,
    room_id: Uuid,
    kind: String,
    state: String,
    slow_mode_seconds: i64,
    role: String,
    last_read_seq: i64,
    joined_at_us: i64,
    muted: bool,
    pinned: bool,
    peer_id: Option<String>,
    room_name: String,
    blocked: bool,
}

impl TryFrom<MembershipRow> for Membership {
    type Error = StoreError;

    fn try_from(row: MembershipRow) -> Result<Self> {
        Ok(Self {
            user: parse(&row.user_id, "a user id")?,
            room: RoomId::from_uuid(row.room_id),
            kind: parse(&row.kind, "a room's kind")?,
            state: parse(&row.state, "a room's state")?,
            slow_mode_seconds: small(row.slow_mode_seconds)?,
            role: parse(&row.role, "a role")?,
            last_read: Seq(unsigned(row.last_read_seq)?),
            joined_at: Timestamp::from_micros(row.joined_at_us),
            muted: row.muted,
            pinned: row.pinned,
            peer: parse_user(row.peer_id.as_deref())?,
            name: row.room_name,
            blocked: row.blocked,
        })
    }
}

#[derive(FromRow)]
pub(super) struct ChatRow {
    #[sqlx(flatten)]
    room: RoomRow,
    role: String,
    peer_id: Option<String>,
    pinned: bool,
    muted: bool,
    last_read_seq: i64,
    joined_at_us: i64,
}

impl TryFrom<ChatRow> for ChatRecord {
    type Error = StoreError;

    fn try_from(row: ChatRow) -> Result<Self> {
        Ok(Self {
            room: row.room.try_into()?,
            role: parse(&row.role, "a role")?,
            peer: parse_user(row.peer_id.as_deref())?,
            pinned: row.pinned,
            muted: row.muted,
            last_read: Seq(unsigned(row.last_read_seq)?),
            joined_at: Timestamp::from_micros(row.joined_at_us),
        })
    }
}

#[derive(FromRow)]
pub(super) struct FlagsRow {
    user_id: String,
    room_id: Uuid,
    pinned: bool,
    muted: bool,
    last_read_seq: i64,
}

impl TryFrom<FlagsRow> for ChatFlags {
    type Error = StoreError;

    fn try_from(row: FlagsRow) -> Result<Self> {
        Ok(Self {
            user: parse(&row.user_id, "a user id")?,
            room: RoomId::from_uuid(row.room_id),
            pinned: row.pinned,
            muted: row.muted,
            last_read: Seq(unsigned(row.last_read_seq)?),
        })
    }
}

#[derive(FromRow)]
pub(super) struct MarkedRow {
    #[sqlx(flatten)]
    flags: FlagsRow,
    delivered_seq: i64,
    read_moved: bool,
    delivered_moved: bool,
    member_count: i64,
}

impl TryFrom<MarkedRow> for Marked {
    type Error = StoreError;

    fn try_from(row: MarkedRow) -> Result<Self> {
        Ok(Self {
            flags: row.flags.try_into()?,
            delivered: Seq(unsigned(row.delivered_seq)?),
            moved: Moved { read: row.read_moved, delivered: row.delivered_moved },
            member_count: small(row.member_count)?,
        })
    }
}

#[derive(FromRow)]
pub(super) struct ProgressRow {
    user_id: String,
    last_read_seq: i64,
    delivered_seq: i64,
    joined_seq: i64,
}

impl TryFrom<ProgressRow> for Progress {
    type Error = StoreError;

    fn try_from(row: ProgressRow) -> Result<Self> {
        let read = Seq(unsigned(row.last_read_seq)?);
        Ok(Self {
            user: parse(&row.user_id, "a user id")?,
            read,
            delivered: read.max(Seq(unsigned(row.delivered_seq)?)),
            joined: Seq(unsigned(row.joined_seq)?),
        })
    }
}

#[derive(FromRow)]
pub(super) struct NoticeRow {
    room_id: Uuid,
    position: i64,
    payload: Json<SystemNotice>,
    created_at_us: i64,
}

impl TryFrom<NoticeRow> for PendingNotice {
    type Error = StoreError;

    fn try_from(row: NoticeRow) -> Result<Self> {
        Ok(Self {
            room: RoomId::from_uuid(row.room_id),
            position: unsigned(row.position)?,
            notice: row.payload.0,
            created_at: Timestamp::from_micros(row.created_at_us),
        })
    }
}

#[derive(FromRow)]
pub(super) struct VersionRow {
    user_id: String,
    version: i64,
}

impl TryFrom<VersionRow> for (UserId, u64) {
    type Error = StoreError;

    fn try_from(row: VersionRow) -> Result<Self> {
        Ok((parse(&row.user_id, "a user id")?, unsigned(row.version)?))
    }
}
