//! Requests into typed values. A refusal names the field as the request spells it.

use hubbub_domain::{
    ClientId, Code, Fault, Role, RoomId, RoomKind, RoomState, Seq, UserId, limits,
};
use hubbub_proto::room::v1 as wire;

use crate::store::Marker;

/// Members of a page when the caller names no number, and at the most.
const MEMBERS_DEFAULT: u32 = 100;
const MEMBERS_MAX: u32 = 1_000;

pub(crate) fn user(field: &'static str, text: &str) -> Result<UserId, Fault> {
    UserId::parse(text).map_err(|fault| named(field, &fault))
}

pub(crate) fn room(text: &str) -> Result<RoomId, Fault> {
    text.parse().map_err(|fault| named("room_id", &fault))
}

/// A list of people, bounded before anything is done with it.
pub(crate) fn users(
    field: &'static str,
    texts: &[String],
    users_max: usize,
) -> Result<Vec<UserId>, Fault> {
    check_count(field, texts.len(), users_max)?;
    texts.iter().map(|text| user(field, text)).collect()
}

pub(crate) fn check_count(
    field: &'static str,
    count: usize,
    count_max: usize,
) -> Result<(), Fault> {
    if count > count_max {
        return Err(Fault::new(
            Code::LimitReached,
            format!("{field} has more than {count_max} entries"),
        ));
    }
    Ok(())
}

pub(crate) fn kind(number: i32) -> Result<RoomKind, Fault> {
    wire::RoomKind::try_from(number).unwrap_or_default().to_domain()
}

pub(crate) fn state(number: i32) -> Result<RoomState, Fault> {
    wire::RoomState::try_from(number).unwrap_or_default().to_domain()
}

pub(crate) fn role(number: i32) -> Result<Role, Fault> {
    wire::Role::try_from(number).unwrap_or_default().to_domain()
}

pub(crate) fn marker(marker: &wire::ReadMarker) -> Result<Marker, Fault> {
    for (field, seq) in [("seq", marker.seq), ("delivered_seq", marker.delivered_seq)] {
        if i64::try_from(seq).is_err() {
            return Err(Fault::bad_request(format!("{field} is beyond every message")));
        }
    }
    let (user, room) = (user("user_id", &marker.user_id)?, room(&marker.room_id)?);
    Ok(Marker { user, room, seq: Seq(marker.seq), delivered: Seq(marker.delivered_seq) })
}

/// Seconds between two messages of a member.
pub(crate) fn slow_mode(seconds: u32, most: u32) -> Result<u32, Fault> {
    if seconds > most {
        return Err(Fault::bad_request(format!("slow_mode_seconds is more than {most}")));
    }
    Ok(seconds)
}

/// The size of a page of chats or rooms.
pub(crate) fn page_limit(limit: u32) -> Result<u32, Fault> {
    bounded_limit(limit, limits::PAGE_DEFAULT, limits::PAGE_MAX)
}

/// The size of a page of members.
pub(crate) fn members_limit(limit: u32) -> Result<u32, Fault> {
    bounded_limit(limit, MEMBERS_DEFAULT, MEMBERS_MAX)
}

fn bounded_limit(limit: u32, default: u32, most: u32) -> Result<u32, Fault> {
    match limit {
        0 => Ok(default),
        limit if limit <= most => Ok(limit),
        _ => Err(Fault::bad_request(format!("limit is more than {most}"))),
    }
}

fn named(field: &'static str, fault: &Fault) -> Fault {
    Fault::new(fault.code, format!("{field}: {}", fault.message))
}

/// The caller's own id for a request.
pub(crate) fn request_id(text: &str) -> Result<ClientId, Fault> {
    ClientId::parse(text).map_err(|fault| named("request_id", &fault))
}

/// The beginning of a room's name; empty: every room.
pub(crate) fn name_prefix(text: &str) -> Result<String, Fault> {
    if text.chars().count() > limits::ROOM_NAME_CHARS_MAX {
        return Err(Fault::bad_request("name_prefix is longer than any name"));
    }
    if text.chars().any(char::is_control) {
        return Err(Fault::bad_request("name_prefix has a control character"));
    }
    Ok(text.to_owned())
}
