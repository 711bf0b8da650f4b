//! The packets of Engine.IO, revision 4: what travels in a WebSocket message, and several of them in
//! the body of a poll.
//!
//! A text packet is a digit and its data; a binary message is a WebSocket message by itself, or `b`
//! and base64 in a body. In a body packets are separated by U+001E. The packets are small and the
//! crates that have them bring a server along, so they are spelled out here.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

/// Between the packets of a body.
pub const SEPARATOR: char = '\u{1e}';

/// A packet that is text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The server's first word, with a [`Handshake`] in JSON.
    Open(&'a str),
    Close,
    Ping(&'a str),
    Pong(&'a str),
    Message(&'a str),
    Upgrade,
    Noop,
}

/// A packet of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayloadPacket<'a> {
    Text(Packet<'a>),
    Binary(Vec<u8>),
}

/// What a session begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Handshake<'a> {
    pub sid: &'a str,
    pub upgrades: &'a [&'a str],
    /// Milliseconds.
    pub ping_interval: u64,
    /// Milliseconds.
    pub ping_timeout: u64,
    /// The most bytes of a message or of a body that the server takes.
    pub max_payload: usize,
}

/// Not a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    #[error("a packet without a type")]
    Empty,
    #[error("a packet of a type that does not exist")]
    UnknownType,
    #[error("a binary packet that is not base64")]
    NotBase64,
}

impl<'a> Packet<'a> {
    /// Reads one packet. What follows the type of a packet that has no data is ignored.
    pub fn parse(text: &'a str) -> Result<Self, PacketError> {
        let (kind, data) = text.split_at_checked(1).ok_or(match text {
            "" => PacketError::Empty,
            _ => PacketError::UnknownType,
        })?;
        Ok(match kind {
            "0" => Self::Open(data),
            "1" => Self::Close,
            "2" => Self::Ping(data),
            "3" => Self::Pong(data),
            "4" => Self::Message(data),
            "5" => Self::Upgrade,
            "6" => Self::Noop,
            _ => return Err(PacketError::UnknownType),
        })
    }

    /// The packet as it travels.
    pub fn encode(&self) -> String {
        let (kind, data) = match self {
            Self::Open(data) => ('0', *data),
            Self::Close => ('1', ""),
            Self::Ping(data) => ('2', *data),
            Self::Pong(data) => ('3', *data),
            Self::Message(data) => ('4', *data),
            Self::Upgrade => ('5', ""),
            Self::Noop => ('6', ""),
        };
        let mut text = String::with_capacity(1 + data.len());
        text.push(kind);
        text.push_str(data);
        text
    }
}

impl Handshake<'_> {
    /// The `open` packet.
    pub fn encode(&self) -> String {
        let json = serde_json::to_string(self).expect("it has text keys only");
        Packet::Open(&json).encode()
    }
}

/// The packets of a body, in order. An empty body is one empty packet, and so an error.
pub fn parse_payload(
    body: &str,
) -> impl Iterator<Item = Result<PayloadPacket<'_>, PacketError>> + '_ {
    body.split(SEPARATOR).map(parse_in_payload)
}

/// One packet of a body.
pub fn parse_in_payload(packet: &str) -> Result<PayloadPacket<'_>, PacketError> {
    match packet.strip_prefix('b') {
        Some(base64) => {
            let bytes = STANDARD.decode(base64).map_err(|_| PacketError::NotBase64)?;
            Ok(PayloadPacket::Binary(bytes))
        }
        None => Packet::parse(packet).map(PayloadPacket::Text),
    }
}

/// Builds a body, packet by packet.
#[derive(Debug, Default)]
pub struct PayloadBuilder {
    body: String,
    begun: bool,
}

impl PayloadBuilder {
    /// Adds a packet that is text already.
    pub fn text(&mut self, packet: &str) {
        self.separate();
        self.body.push_str(packet);
    }

    pub fn binary(&mut self, bytes: &[u8]) {
        self.separate();
        self.body.push('b');
        STANDARD.encode_string(bytes, &mut self.body);
    }

    pub const fn is_empty(&self) -> bool {
        !self.begun
    }

    pub fn finish(self) -> String {
        self.body
    }

    fn separate(&mut self) {
        if std::mem::replace(&mut self.begun, true) {
            self.body.push(SEPARATOR);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        Handshake, Packet, PacketError, PayloadBuilder, PayloadPacket, SEPARATOR, parse_payload,
    };

    #[test]
    fn every_type() {
        for (text, packet) in [
            ("0{}", Packet::Open("{}")),
            ("1", Packet::Close),
            ("2probe", Packet::Ping("probe")),
            ("3", Packet::Pong("")),
            ("4héllo", Packet::Message("héllo")),
            ("5", Packet::Upgrade),
            ("6", Packet::Noop),
        ] {
            assert_eq!(Packet::parse(text), Ok(packet));
            assert_eq!(packet.encode(), text);
        }
    }

    #[test]
    fn what_is_no_packet() {
        assert_eq!(Packet::parse(""), Err(PacketError::Empty));
        for text in ["7", "abc", "é", "b"] {
            assert_eq!(Packet::parse(text), Err(PacketError::UnknownType), "{text}");
        }
        let payload = |body| parse_payload(body).collect::<Result<Vec<_>, _>>();
        assert_eq!(payload(""), Err(PacketError::Empty));
        assert_eq!(payload("4a\u{1e}"), Err(PacketError::Empty));
        assert_eq!(payload("b*"), Err(PacketError::NotBase64));
    }

    #[test]
    fn the_handshake_has_five_keys() {
        let handshake = Handshake {
            sid: "x",
            upgrades: &["websocket"],
            ping_interval: 300,
            ping_timeout: 200,
            max_payload: 1_000_000,
        };
        assert_eq!(
            handshake.encode(),
            "0{\"sid\":\"x\",\"upgrades\":[\"websocket\"],\"pingInterval\":300,\
             \"pingTimeout\":200,\"maxPayload\":1000000}"
        );
    }

    #[derive(Clone, Debug)]
    enum Sent {
        Text(String),
        Binary(Vec<u8>),
    }

    fn sent() -> impl Strategy<Value = Sent> {
        prop_oneof![
            "[0-6][^\u{1e}]{0,20}".prop_map(Sent::Text),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Sent::Binary),
        ]
    }

    proptest! {
        #[test]
        fn a_body_gives_back_what_was_put_in(packets in proptest::collection::vec(sent(), 1..8)) {
            let mut builder = PayloadBuilder::default();
            for packet in &packets {
                match packet {
                    Sent::Text(text) => builder.text(text),
                    Sent::Binary(bytes) => builder.binary(bytes),
                }
            }
            let body = builder.finish();
            let read: Vec<_> = parse_payload(&body).map(Result::unwrap).collect();
            let expected: Vec<_> = packets.iter().map(|packet| match packet {
                Sent::Text(text) => PayloadPacket::Text(Packet::parse(text).unwrap()),
                Sent::Binary(bytes) => PayloadPacket::Binary(bytes.clone()),
            }).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn any_text_is_read_or_refused(body in "[0-9b\u{1e}A-Za-z=+/]{0,60}") {
            let packets: Vec<_> = parse_payload(&body).collect();
            prop_assert_eq!(packets.len(), body.matches(SEPARATOR).count() + 1);
        }
    }
}
