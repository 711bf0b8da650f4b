//! Messages in, packets out. A packet with attachments is kept until the last of them has come; what
//! comes in between is a violation.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use super::{
    Args, Body, Event, MAIN_NAMESPACE, Packet, RESERVED_EVENTS, encode::Kind, placeholder,
};
use crate::unicode;

/// The bounds on one packet. Over any of them the packet is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub attachments_max: usize,
    /// Bytes of the text and of all attachments.
    pub bytes_max: usize,
    pub namespace_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { attachments_max: 10, bytes_max: 4_000_000, namespace_bytes_max: 128 }
    }
}

/// Why a message cannot be understood. The connection ends with it, as with the reference server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    Type,
    Attachments,
    TooManyAttachments,
    TooLarge,
    Namespace,
    Id,
    Json,
    Shape,
    Reserved,
    TextForAttachment,
    StrayAttachment,
    NoSuchAttachment,
}

impl std::error::Error for Malformed {}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl Malformed {
    /// What is wrong, short enough for a close frame.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Type => "a packet of a type that does not exist, or not for a client to send",
            Self::Attachments => "the number of attachments cannot be read",
            Self::TooManyAttachments => "more attachments than are allowed",
            Self::TooLarge => "a packet of too many bytes",
            Self::Namespace => "a namespace of too many bytes",
            Self::Id => "the number of an answer cannot be read",
            Self::Json => "data that is not JSON, or nested too deeply",
            Self::Shape => "data of a shape that the packet's type does not have",
            Self::Reserved => "an event that only the libraries raise",
            Self::TextForAttachment => "text where an attachment was to come",
            Self::StrayAttachment => "an attachment without a packet that announced it",
            Self::NoSuchAttachment => "a place for an attachment that is not there",
        }
    }
}

/// Puts one client's packets together.
#[derive(Debug, Default)]
pub struct Decoder {
    limits: Limits,
    partial: Option<Box<Partial>>,
}

/// A packet whose attachments are still to come. Its text was read once, to refuse what is malformed at
/// once, and is kept as it came: parsed JSON may take many times as much memory.
#[derive(Debug)]
struct Partial {
    namespace: Box<str>,
    text: Box<str>,
    attachments: Vec<Bytes>,
    expected: usize,
    bytes: usize,
}

impl Decoder {
    pub const fn new(limits: Limits) -> Self {
        Self { limits, partial: None }
    }

    /// Takes a text message. `None`: its attachments are still to come.
    pub fn text(&mut self, text: &str) -> Result<Option<Packet>, Malformed> {
        if self.partial.is_some() {
            return Err(Malformed::TextForAttachment);
        }
        if text.len() > self.limits.bytes_max {
            return Err(Malformed::TooLarge);
        }
        let (packet, expected) = parse(text, &self.limits)?;
        if expected == 0 {
            check_places(&packet)?;
            return Ok(Some(packet));
        }
        self.partial = Some(Box::new(Partial {
            namespace: packet.namespace,
            text: text.into(),
            attachments: Vec::new(),
            expected,
            bytes: text.len(),
        }));
        Ok(None)
    }

    /// Takes a binary message. `None`: there are more to come.
    pub fn binary(&mut self, bytes: Bytes) -> Result<Option<Packet>, Malformed> {
        let mut partial = self.partial.take().ok_or(Malformed::StrayAttachment)?;
        partial.bytes = partial.bytes.saturating_add(bytes.len());
        if partial.bytes > self.limits.bytes_max {
            return Err(Malformed::TooLarge);
        }
        partial.attachments.push(bytes);
        if partial.attachments.len() < partial.expected {
            self.partial = Some(partial);
            return Ok(None);
        }
        let (mut packet, _) = parse(&partial.text, &self.limits)?;
        let args = packet.args_mut().ok_or(Malformed::StrayAttachment)?;
        args.attachments = partial.attachments;
        check_places(&packet)?;
        Ok(Some(packet))
    }

    /// The packet whose attachments are still to come: its namespace, and the bytes held of it.
    pub fn awaiting(&self) -> Option<(&str, usize)> {
        self.partial.as_ref().map(|partial| (&*partial.namespace, partial.bytes))
    }
}

impl Packet {
    fn args_mut(&mut self) -> Option<&mut Args> {
        match &mut self.body {
            Body::Event { event, .. } => Some(&mut event.args),
            Body::Ack { args, .. } => Some(args),
            Body::Connect(_) | Body::Disconnect => None,
        }
    }
}

/// Reads the text of a packet, and how many attachments follow it.
fn parse(text: &str, limits: &Limits) -> Result<(Packet, usize), Malformed> {
    let kind = text.bytes().next().and_then(Kind::from_digit).ok_or(Malformed::Type)?;
    let rest = &text[1..];
    let (expected, rest) = attachments(kind, rest, limits)?;
    let (namespace, rest) = namespace(rest);
    if namespace.len() > limits.namespace_bytes_max {
        return Err(Malformed::Namespace);
    }
    let (id, data) = id(rest)?;
    let body = body(kind, id, data)?;
    Ok((Packet { namespace: namespace.into(), body }, expected))
}

fn attachments<'a>(
    kind: Kind,
    rest: &'a str,
    limits: &Limits,
) -> Result<(usize, &'a str), Malformed> {
    if !matches!(kind, Kind::BinaryEvent | Kind::BinaryAck) {
        return Ok((0, rest));
    }
    let (digits, rest) = rest.split_once('-').ok_or(Malformed::Attachments)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed::Attachments);
    }
    let expected = digits.parse().unwrap_or(usize::MAX);
    if expected > limits.attachments_max {
        return Err(Malformed::TooManyAttachments);
    }
    Ok((expected, rest))
}

/// Begins with a slash and ends before a comma, or with the packet.
fn namespace(rest: &str) -> (&str, &str) {
    if rest.starts_with('/') {
        rest.split_once(',').unwrap_or((rest, ""))
    } else {
        (MAIN_NAMESPACE, rest)
    }
}

fn id(rest: &str) -> Result<(Option<u64>, &str), Malformed> {
    let end = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, data) = rest.split_at(end);
    if digits.is_empty() {
        return Ok((None, data));
    }
    digits.parse().map(|id| (Some(id), data)).map_err(|_| Malformed::Id)
}

fn body(kind: Kind, id: Option<u64>, data: &str) -> Result<Body, Malformed> {
    // serde_json gives up at a depth of 128.
    let data = match data {
        "" => None,
        data => Some(unicode::value(data).map_err(|_| Malformed::Json)?),
    };
    match (kind, data) {
        (Kind::Connect, None) => Ok(Body::Connect(None)),
        (Kind::Connect, Some(Value::Object(auth))) => Ok(Body::Connect(Some(auth))),
        (Kind::Disconnect, None) => Ok(Body::Disconnect),
        (Kind::Event | Kind::BinaryEvent, Some(Value::Array(values))) => {
            Ok(Body::Event { id, event: event(values)? })
        }
        (Kind::Ack | Kind::BinaryAck, Some(Value::Array(values))) => {
            let id = id.ok_or(Malformed::Id)?;
            Ok(Body::Ack { id, args: Args { values, attachments: Vec::new() } })
        }
        (Kind::ConnectError, _) => Err(Malformed::Type),
        _ => Err(Malformed::Shape),
    }
}

fn event(mut values: Vec<Value>) -> Result<Event, Malformed> {
    if values.is_empty() {
        return Err(Malformed::Shape);
    }
    let name = match values.remove(0) {
        Value::String(name) => name,
        Value::Number(number) => number.to_string(),
        _ => return Err(Malformed::Shape),
    };
    if RESERVED_EVENTS.contains(&&*name) {
        return Err(Malformed::Reserved);
    }
    Ok(Event { name, args: Args { values, attachments: Vec::new() } })
}

/// Every place for an attachment has one. Only packets that announce attachments have places:
/// elsewhere such an object is the client's own.
fn check_places(packet: &Packet) -> Result<(), Malformed> {
    let args = match &packet.body {
        Body::Event { event, .. } => &event.args,
        Body::Ack { args, .. } => args,
        Body::Connect(_) | Body::Disconnect => return Ok(()),
    };
    let count = args.attachments.len();
    if count > 0 && args.values.iter().any(|value| has_gap(value, count)) {
        return Err(Malformed::NoSuchAttachment);
    }
    Ok(())
}

/// The depth is that of what was parsed, and so bounded.
fn has_gap(value: &Value, count: usize) -> bool {
    match (placeholder(value), value) {
        (Some(number), _) => number >= count,
        (None, Value::Array(values)) => values.iter().any(|value| has_gap(value, count)),
        (None, Value::Object(object)) => object.values().any(|value| has_gap(value, count)),
        _ => false,
    }
}
