//! Requests become domain values here, or are refused with a fault that names the field.

use std::{collections::HashSet, time::Duration};

use hubbub_domain::{
    Body, Fault, MessageId, Rev, RoomId, Seq, SystemNotice, Timestamp, UserId, limits,
};
use hubbub_proto::{
    from_timestamp,
    history::v1::{self as wire, get_page_request, new_message},
    parse_client_id, parse_room_id, parse_user_id,
};

use crate::{
    ReactionBounds,
    rules::Anchor,
    store::{Content, Deletion, Edit, EditsWish, Marker, Post, Rank, Ranking, Reacting, Standing},
};

/// Messages of one append.
pub(crate) const APPEND_MAX: usize = 1_024;
/// Changes of one answer.
const CHANGES_MAX: u32 = 1_000;
const CHANGES_DEFAULT: u32 = 256;
/// Rooms of one question for heads.
const HEADS_MAX: usize = 5_000;
/// Senders looked for by one call.
const CHECKED_MAX: usize = 10_000;
/// Rooms of one ranking.
const RANK_MAX: usize = 10_000;
/// A W3C traceparent is 55 characters long (Trace Context, section 3.2).
const TRACEPARENT_BYTES: usize = 55;

pub(crate) fn appends(count: usize) -> Result<(), Fault> {
    at_most("messages", count, APPEND_MAX)
}

pub(crate) fn post(message: wire::NewMessage) -> Result<Post, Fault> {
    let content = match message.content {
        Some(new_message::Content::Body(it)) => Content::User(body(Some(it))?),
        Some(new_message::Content::System(it)) => Content::System(notice(it)?),
        None => return Err(Fault::bad_request("content is missing")),
    };
    Ok(Post {
        room: parse_room_id(&message.room_id)?,
        sender: parse_user_id(&message.sender_id)?,
        client_id: parse_client_id(&message.client_id)?,
        id: MessageId::generate(),
        content,
        pause: Duration::from_millis(u64::from(message.pause_ms)),
        traceparent: traceparent(message.traceparent),
    })
}

/// A trace that cannot be continued is no reason to refuse a message.
pub(crate) fn traceparent(text: String) -> String {
    if text.len() == TRACEPARENT_BYTES && text.is_ascii() { text } else { String::new() }
}

fn body(body: Option<wire::Body>) -> Result<Body, Fault> {
    let body = parsed(body)?;
    body.validate(limits::TEXT_CHARS_MAX)?;
    Ok(body)
}

fn parsed(body: Option<wire::Body>) -> Result<Body, Fault> {
    body.ok_or_else(|| Fault::bad_request("body is missing"))?.try_into()
}

fn notice(notice: wire::SystemNotice) -> Result<SystemNotice, Fault> {
    let notice: SystemNotice = notice.try_into()?;
    let (field, text, chars_max) = match &notice {
        SystemNotice::Renamed { name, .. } => ("name", name, limits::ROOM_NAME_CHARS_MAX),
        SystemNotice::TopicSet { topic, .. } => ("topic", topic, limits::ROOM_TOPIC_CHARS_MAX),
        SystemNotice::Announced { text } => ("text", text, limits::TEXT_CHARS_MAX),
        _ => return Ok(notice),
    };
    if text.contains('\0') {
        return Err(Fault::bad_request(format!("{field} has a NUL character")));
    }
    if text.chars().count() > chars_max {
        let refusal = format!("{field} has more than {chars_max} characters");
        return Err(Fault::new(hubbub_domain::Code::TooLarge, refusal));
    }
    Ok(notice)
}

pub(crate) fn edit(request: wire::EditRequest, now: Timestamp) -> Result<Edit, Fault> {
    Ok(Edit {
        room: parse_room_id(&request.room_id)?,
        seq: seq(request.seq)?,
        actor: parse_user_id(&request.actor_id)?,
        // Judged by the store, which knows what the message says now.
        body: parsed(request.body)?,
        now,
    })
}

pub(crate) fn deletion(request: &wire::DeleteRequest, now: Timestamp) -> Result<Deletion, Fault> {
    Ok(Deletion {
        room: parse_room_id(&request.room_id)?,
        seq: seq(request.seq)?,
        actor: parse_user_id(&request.actor_id)?,
        standing: standing(request.moderator),
        now,
    })
}

pub(crate) fn reacting(
    request: wire::ReactRequest,
    bounds: ReactionBounds,
    now: Timestamp,
) -> Result<Reacting, Fault> {
    let emoji = request.emoji;
    if emoji.is_empty() || emoji.len() > limits::EMOJI_BYTES_MAX {
        let most = limits::EMOJI_BYTES_MAX;
        return Err(Fault::bad_request(format!("emoji has not 1 to {most} bytes")));
    }
    if emoji.chars().any(char::is_control) {
        return Err(Fault::bad_request("emoji has a control character"));
    }
    Ok(Reacting {
        room: parse_room_id(&request.room_id)?,
        seq: seq(request.seq)?,
        actor: parse_user_id(&request.actor_id)?,
        emoji,
        on: request.on,
        bounds,
        now,
    })
}

/// Which versions of which message, and who asks.
pub(crate) fn edits(request: &wire::ListEditsRequest) -> Result<EditsWish, Fault> {
    Ok(EditsWish {
        room: parse_room_id(&request.room_id)?,
        seq: seq(request.seq)?,
        actor: parse_user_id(&request.actor_id)?,
        standing: standing(request.moderator),
        before: Rev(if request.before_rev == 0 { u64::MAX } else { request.before_rev }),
        limit: limit(request.limit, limits::PAGE_DEFAULT, limits::PAGE_MAX)?,
    })
}

/// Which message of which room.
pub(crate) fn senders(request: &wire::ListSendersRequest) -> Result<(RoomId, Seq), Fault> {
    Ok((parse_room_id(&request.room_id)?, seq(request.seq)?))
}

/// Which users and rooms.
pub(crate) fn check_senders(
    request: &wire::CheckSendersRequest,
) -> Result<Vec<(RoomId, UserId)>, Fault> {
    at_most("senders", request.senders.len(), CHECKED_MAX)?;
    let parse = |sender: &wire::RoomSender| {
        Ok((parse_room_id(&sender.room_id)?, parse_user_id(&sender.user_id)?))
    };
    request.senders.iter().map(parse).collect()
}

const fn standing(moderator: bool) -> Standing {
    if moderator { Standing::Moderator } else { Standing::Member }
}

/// Which page of which room, and how many messages.
pub(crate) fn page(request: &wire::GetPageRequest) -> Result<(RoomId, Anchor, u32), Fault> {
    use get_page_request::Anchor as Wire;
    let anchor = match request.anchor {
        None => Anchor::Newest,
        Some(Wire::BeforeSeq(seq)) => Anchor::Before(Seq(seq)),
        Some(Wire::AfterSeq(seq)) => Anchor::After(Seq(seq)),
        Some(Wire::AroundSeq(seq)) => Anchor::Around(Seq(seq)),
        Some(Wire::BeforeTime(moment)) => Anchor::BeforeTime(from_timestamp(moment)),
    };
    let limit = limit(request.limit, limits::PAGE_DEFAULT, limits::PAGE_MAX)?;
    Ok((parse_room_id(&request.room_id)?, anchor, limit))
}

/// After which revision of which room, and how many changes.
pub(crate) fn changes(request: &wire::ListChangesRequest) -> Result<(RoomId, Rev, u32), Fault> {
    let limit = limit(request.limit, CHANGES_DEFAULT, CHANGES_MAX)?;
    Ok((parse_room_id(&request.room_id)?, Rev(request.after_rev), limit))
}

/// The markers, and whose they are.
pub(crate) fn heads(
    request: &wire::GetHeadsRequest,
) -> Result<(Vec<Marker>, Option<UserId>), Fault> {
    at_most("rooms", request.rooms.len(), HEADS_MAX)?;
    let markers = request.rooms.iter().map(marker).collect::<Result<_, _>>()?;
    let user = (!request.user_id.is_empty()).then(|| parse_user_id(&request.user_id));
    Ok((markers, user.transpose()?))
}

pub(crate) fn survived(request: &wire::GetSurvivedRequest) -> Result<Vec<RoomId>, Fault> {
    at_most("room_ids", request.room_ids.len(), HEADS_MAX)?;
    request.room_ids.iter().map(|room| parse_room_id(room)).collect()
}

/// A room named twice counts once.
pub(crate) fn ranking(request: &wire::RankRoomsRequest) -> Result<Ranking, Fault> {
    at_most("rooms", request.rooms.len(), RANK_MAX)?;
    let mut markers = request.rooms.iter().map(marker).collect::<Result<Vec<_>, _>>()?;
    let mut seen = HashSet::with_capacity(markers.len());
    markers.retain(|marker| seen.insert(marker.room));
    Ok(Ranking {
        user: parse_user_id(&request.user_id)?,
        markers,
        after: request.after.as_ref().map(rank).transpose()?,
        limit: limit(request.limit, limits::PAGE_DEFAULT, limits::PAGE_MAX)?,
    })
}

fn rank(rank: &wire::Rank) -> Result<Rank, Fault> {
    let active_at =
        rank.active_at.ok_or_else(|| Fault::bad_request("after.active_at is missing"))?;
    Ok(Rank { active_at: from_timestamp(active_at), room: parse_room_id(&rank.room_id)? })
}

fn marker(marker: &wire::RoomMarker) -> Result<Marker, Fault> {
    Ok(Marker {
        room: parse_room_id(&marker.room_id)?,
        last_read: Seq(marker.last_read_seq),
        since: marker.since.map(from_timestamp).unwrap_or_default(),
    })
}

fn seq(seq: u64) -> Result<Seq, Fault> {
    if seq == 0 {
        return Err(Fault::bad_request("seq is 0; the first message is 1"));
    }
    Ok(Seq(seq))
}

fn limit(limit: u32, default: u32, most: u32) -> Result<u32, Fault> {
    match limit {
        0 => Ok(default),
        limit if limit > most => Err(Fault::bad_request(format!("limit is above {most}"))),
        limit => Ok(limit),
    }
}

fn at_most(field: &'static str, count: usize, most: usize) -> Result<(), Fault> {
    if count > most {
        return Err(Fault::bad_request(format!("{field} has more than {most} entries")));
    }
    Ok(())
}
