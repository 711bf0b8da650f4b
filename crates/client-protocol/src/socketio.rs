//! The packets of Socket.IO, revision 5: `<type>[<attachments>-][<namespace>,][<id>][<JSON>]`, the
//! binary attachments following as messages of their own.
//!
//! Everything is judged as the reference parser judges it (what that one refuses is refused here, and
//! ends the connection), with bounds where it has none: the bytes and attachments of one packet, the
//! length of a namespace, and the depth of its JSON.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde_json::{Map, Value};

pub use decode::{Decoder, Limits, Malformed};
pub use encode::{Head, Kind, args, write_ack, write_connect, write_connect_error, write_event};

/// Events that only the libraries themselves raise. A client that sends one is disconnected.
pub const RESERVED_EVENTS: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// The main namespace: it is not named in a packet.
pub const MAIN_NAMESPACE: &str = "/";

/// A packet from a client, with all of its attachments.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    pub namespace: Box<str>,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Into the namespace; with what the client calls `auth`.
    Connect(Option<Map<String, Value>>),
    Disconnect,
    Event {
        /// An answer is asked for, by this number.
        id: Option<u64>,
        event: Event,
    },
    /// The answer to an event of ours.
    Ack {
        id: u64,
        args: Args,
    },
}

/// What a client emitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub name: String,
    pub args: Args,
}

/// The arguments of an event or an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Args {
    /// Where an attachment belongs there is `{"_placeholder":true,"num":n}`; see
    /// [`attachment`](Self::attachment).
    pub values: Vec<Value>,
    pub attachments: Vec<Bytes>,
}

impl Args {
    /// The attachment that belongs in the place of `value`, if it is a placeholder.
    pub fn attachment(&self, value: &Value) -> Option<&Bytes> {
        self.attachments.get(placeholder(value)?)
    }

    /// The first argument; `null` if there is none.
    pub fn first(&self) -> &Value {
        self.values.first().unwrap_or(&Value::Null)
    }
}

/// What stands in the JSON where attachment `number` belongs.
pub fn placeholder_for(number: usize) -> Value {
    serde_json::json!({ "_placeholder": true, "num": number })
}

/// The number of the attachment that belongs here.
fn placeholder(value: &Value) -> Option<usize> {
    let object = value.as_object()?;
    if object.get("_placeholder") != Some(&Value::Bool(true)) {
        return None;
    }
    // One that names no attachment is never found.
    let number = object.get("num").and_then(Value::as_u64).unwrap_or(u64::MAX);
    Some(usize::try_from(number).unwrap_or(usize::MAX))
}
