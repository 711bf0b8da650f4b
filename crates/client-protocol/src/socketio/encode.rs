//! Packets out. They are written behind what is there already, so that a frame can be built around
//! them without a copy.

use serde::{
    Serialize, Serializer,
    ser::{Error as _, SerializeSeq as _},
};
use serde_json::Value;

use super::MAIN_NAMESPACE;

/// The type of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
    BinaryEvent,
    BinaryAck,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Connect,
        Self::Disconnect,
        Self::Event,
        Self::Ack,
        Self::ConnectError,
        Self::BinaryEvent,
        Self::BinaryAck,
    ];

    pub(super) fn from_digit(digit: u8) -> Option<Self> {
        Self::ALL.get(usize::from(digit.wrapping_sub(b'0'))).copied()
    }

    const fn digit(self) -> u8 {
        b'0' + self as u8
    }
}

/// What stands before the data of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    pub namespace: &'a str,
    /// Of the answer that is given, or asked for.
    pub id: Option<u64>,
    /// How many binary messages follow.
    pub attachments: usize,
}

impl<'a> Head<'a> {
    pub const fn of(namespace: &'a str) -> Self {
        Self { namespace, id: None, attachments: 0 }
    }

    /// Writes all that stands before the data.
    pub fn write(&self, out: &mut Vec<u8>, kind: Kind) {
        let kind = match (kind, self.attachments) {
            (Kind::Event, 1..) => Kind::BinaryEvent,
            (Kind::Ack, 1..) => Kind::BinaryAck,
            (kind, _) => kind,
        };
        out.push(kind.digit());
        if self.attachments > 0 {
            out.extend_from_slice(self.attachments.to_string().as_bytes());
            out.push(b'-');
        }
        if self.namespace != MAIN_NAMESPACE {
            out.extend_from_slice(self.namespace.as_bytes());
            out.push(b',');
        }
        if let Some(id) = self.id {
            out.extend_from_slice(id.to_string().as_bytes());
        }
    }
}

/// Writes `["name", arg, …]`; `args` is anything that serializes as a list.
pub fn write_event(
    out: &mut Vec<u8>,
    head: &Head<'_>,
    name: &str,
    args: &(impl Serialize + ?Sized),
) -> serde_json::Result<()> {
    head.write(out, Kind::Event);
    out.push(b'[');
    serde_json::to_writer(&mut *out, name)?;
    let bracket = out.len();
    serde_json::to_writer(&mut *out, args)?;
    // The list's own bracket becomes the comma, or goes away with an empty list.
    match out.get(bracket..) {
        Some(b"[]") => out.truncate(bracket),
        Some([b'[', .., b']']) => {
            out[bracket] = b',';
            out.pop();
        }
        _ => return Err(serde_json::Error::custom("the arguments of an event are a list")),
    }
    out.push(b']');
    Ok(())
}

/// Writes the answer to the event `head.id`.
pub fn write_ack(
    out: &mut Vec<u8>,
    head: &Head<'_>,
    args: &(impl Serialize + ?Sized),
) -> serde_json::Result<()> {
    head.write(out, Kind::Ack);
    serde_json::to_writer(out, args)
}

/// Writes that the client is in: `pid` only where its connection can be recovered.
pub fn write_connect(out: &mut Vec<u8>, namespace: &str, sid: &str, pid: Option<&str>) {
    #[derive(Serialize)]
    struct Connected<'a> {
        sid: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        pid: Option<&'a str>,
    }

    Head::of(namespace).write(out, Kind::Connect);
    serde_json::to_writer(out, &Connected { sid, pid }).expect("it has text keys only");
}

/// Writes why the client is not in.
pub fn write_connect_error(
    out: &mut Vec<u8>,
    namespace: &str,
    message: &str,
    data: Option<&Value>,
) {
    #[derive(Serialize)]
    struct Refused<'a> {
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a Value>,
    }

    Head::of(namespace).write(out, Kind::ConnectError);
    serde_json::to_writer(out, &Refused { message, data }).expect("it has text keys only");
}

/// One value and then others, as one list: an event's own argument and what the door adds.
pub fn args<'a>(first: &'a impl Serialize, more: &'a [&'a str]) -> impl Serialize + 'a {
    struct Joined<'a, T>(&'a T, &'a [&'a str]);

    impl<T: Serialize> Serialize for Joined<'_, T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut list = serializer.serialize_seq(Some(1 + self.1.len()))?;
            list.serialize_element(self.0)?;
            self.1.iter().try_for_each(|text| list.serialize_element(text))?;
            list.end()
        }
    }

    Joined(first, more)
}
