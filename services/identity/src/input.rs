//! Requests into typed values. A refusal names the field as the request spells it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hubbub_domain::{Code, Fault, UserId, limits};
use hubbub_proto::identity::v1 as wire;

use crate::{contacts::Link, policy::Audience};

pub(crate) fn user(field: &'static str, text: &str) -> Result<UserId, Fault> {
    UserId::parse(text)
        .map_err(|fault| Fault::new(fault.code, format!("{field}: {}", fault.message)))
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
        let text = format!("{field} has more than {count_max} entries");
        return Err(Fault::new(Code::LimitReached, text));
    }
    Ok(())
}

/// Two different people.
pub(crate) fn pair(actor: &str, peer: &str) -> Result<(UserId, UserId), Fault> {
    let (actor, peer) = (user("actor_id", actor)?, user("peer_id", peer)?);
    if actor == peer {
        return Err(Fault::bad_request("that is you"));
    }
    Ok((actor, peer))
}

pub(crate) fn page_limit(limit: u32) -> Result<u32, Fault> {
    match limit {
        0 => Ok(limits::PAGE_DEFAULT),
        limit if limit <= limits::PAGE_MAX => Ok(limit),
        _ => Err(Fault::bad_request(format!("limit is more than {}", limits::PAGE_MAX))),
    }
}

/// What a list of contacts shows; `None`: all of it.
pub(crate) fn only(state: i32) -> Result<Option<Link>, Fault> {
    match wire::ContactState::try_from(state) {
        Ok(wire::ContactState::Unspecified) => Ok(None),
        Ok(wire::ContactState::Outgoing) => Ok(Some(Link::Outgoing)),
        Ok(wire::ContactState::Incoming) => Ok(Some(Link::Incoming)),
        Ok(wire::ContactState::Contact) => Ok(Some(Link::Contact)),
        Ok(wire::ContactState::None) | Err(_) => Err(Fault::bad_request("state is unknown")),
    }
}

/// A setting, if it is to change.
pub(crate) fn audience(
    field: &'static str,
    audience: Option<i32>,
) -> Result<Option<Audience>, Fault> {
    let Some(audience) = audience else { return Ok(None) };
    match wire::Audience::try_from(audience) {
        Ok(wire::Audience::Everyone) => Ok(Some(Audience::Everyone)),
        Ok(wire::Audience::Contacts) => Ok(Some(Audience::Contacts)),
        Ok(wire::Audience::Nobody) => Ok(Some(Audience::Nobody)),
        Ok(wire::Audience::Unspecified) | Err(_) => {
            Err(Fault::bad_request(format!("{field} is none of everyone, contacts and nobody")))
        }
    }
}

/// Where a list goes on: opaque to callers, who get what they hand back judged anew.
pub(crate) fn cursor(parts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(parts.join("\u{0}"))
}

/// The parts of a cursor; `None` for the first page.
pub(crate) fn parse_cursor<const PARTS: usize>(
    text: &str,
) -> Result<Option<[String; PARTS]>, Fault> {
    const BYTES_MAX: usize = 1_024;

    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Fault::bad_request("cursor is not one that was given out");
    let bytes = (text.len() <= BYTES_MAX).then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
    let parts: Vec<String> = text.split('\u{0}').map(str::to_owned).collect();
    parts.try_into().map(Some).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::{cursor, parse_cursor};

    #[test]
    fn a_cursor_reads_back_and_nothing_else_does() {
        let text = cursor(&["an name", "id"]);
        let expected = Some(["an name".to_owned(), "id".to_owned()]);
        assert_eq!(parse_cursor::<2>(&text), Ok(expected));
        assert_eq!(parse_cursor::<2>(""), Ok(None));
        for wrong in ["?", "_w", &cursor(&["one"]), &"A".repeat(5_000)] {
            assert!(parse_cursor::<2>(wrong).is_err(), "{wrong}");
        }
    }
}
