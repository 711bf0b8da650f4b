//! How `/chat` spells events: one Socket.IO packet in one text frame, encoded once for all sessions.
//!
//! For clients that recover, the frame of a change ends with the offset of a client that has entered
//! that room alone. That is most of them, and they share the frame; for others its end is replaced
//! ([`with_offset`]), which costs a copy and no second encoding.

use std::convert::Infallible;

use bytes::Bytes;
use hubbub_client_protocol::{
    Event,
    chat::{NAMESPACE, Offset, Told},
};
use hubbub_domain::{Change, RoomId};

use crate::{session::Codec, ws::encode};

/// What a message event takes, about.
const EVENT_BYTES: usize = 512;

/// For clients that do not recover.
pub(crate) struct PlainCodec;

/// For clients that recover: every change says how far the client has come.
pub(crate) struct OffsetCodec;

impl Codec for PlainCodec {
    fn slot(&self) -> usize {
        1
    }

    fn change(&self, room: RoomId, change: &Change) -> Bytes {
        frame(&Told::of_change(room, change.clone()), None)
    }

    fn event(&self, event: &Event) -> Bytes {
        frame(&Told::from(event.clone()), None)
    }
}

impl Codec for OffsetCodec {
    fn slot(&self) -> usize {
        2
    }

    fn change(&self, room: RoomId, change: &Change) -> Bytes {
        let offset = Offset(vec![(room.into(), change.rev)]).to_string();
        frame(&Told::of_change(room, change.clone()), Some(&offset))
    }

    fn event(&self, event: &Event) -> Bytes {
        frame(&Told::from(event.clone()), None)
    }
}

/// An event, ready for the socket: a message of Engine.IO (`4`) with an event of Socket.IO (`2`).
pub(super) fn frame(told: &Told, offset: Option<&str>) -> Bytes {
    encode::text_with(EVENT_BYTES, |out| {
        out.extend_from_slice(b"42");
        out.extend_from_slice(NAMESPACE.as_bytes());
        out.push(b',');
        told.write(out, offset)
    })
    .expect("it has text keys only")
}

/// How an event ends behind its offset.
const END: &[u8] = b"\"]";

/// The same event as in `shared`, which ends with an offset, with another one. It must be one that JSON leaves as
/// it is, as all are that [`Offset`] writes.
pub(super) fn with_offset(shared: &[u8], offset: &str) -> Bytes {
    let payload = &shared[head_bytes(shared)..];
    // An offset has no quotation mark in it: the last but one begins it.
    let quotes = payload.iter().enumerate().rev().filter(|(_, byte)| **byte == b'"');
    let begin = quotes.map(|(at, _)| at).nth(1).unwrap_or(payload.len());
    let Ok(written) = encode::text_with(begin + offset.len() + END.len() + 1, |out| {
        out.extend_from_slice(&payload[..begin]);
        out.push(b'"');
        out.extend_from_slice(offset.as_bytes());
        out.extend_from_slice(END);
        Ok::<(), Infallible>(())
    });
    written
}

/// What stands before the payload of a server's frame (RFC 6455 section 5.2).
fn head_bytes(frame: &[u8]) -> usize {
    match frame.get(1) {
        Some(126) => 4,
        Some(127) => 10,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use hubbub_client_protocol::chat::Told;
    use hubbub_domain::{
        Body, Change, ChangeKind, ClientId, Message, MessageId, MessageKind, Rev, RoomId, Seq,
        Timestamp, UserId,
    };

    use super::{Codec as _, OffsetCodec, PlainCodec, frame, with_offset};

    fn change(room: RoomId, text: &str) -> Change {
        let message = Message {
            room,
            seq: Seq(1),
            rev: Rev(2),
            id: MessageId::generate(),
            sender: UserId::parse("alice").expect("valid"),
            client_id: ClientId::parse("c").expect("valid"),
            kind: MessageKind::User(Body::text(text)),
            created_at: Timestamp::from_micros(1),
            edited_at: None,
            reactions: vec![],
        };
        Change { rev: Rev(2), kind: ChangeKind::Posted(Box::new(message)) }
    }

    #[test]
    fn another_offset_makes_the_frame_that_would_have_been_encoded() {
        let room = RoomId::generate();
        for text in ["hi", "\"quoted\",\"@x\"]", &"long ".repeat(100), &"x".repeat(3_999)] {
            let change = change(room, text);
            let shared = OffsetCodec.change(room, &change);
            let expected = frame(&Told::of_change(room, change.clone()), Some("@other,offset"));
            assert_eq!(with_offset(&shared, "@other,offset"), expected);
        }
    }

    #[test]
    fn the_doors_have_encodings_of_their_own() {
        let slots = [crate::native::NativeCodec.slot(), PlainCodec.slot(), OffsetCodec.slot()];
        assert_eq!(slots, [0, 1, 2]);
        let room = RoomId::generate();
        let plain = PlainCodec.change(room, &change(room, "hi"));
        let text = std::str::from_utf8(&plain[4..]).expect("UTF-8");
        assert!(text.starts_with("42/chat,[\"chatMessage\",{") && text.ends_with("}]"), "{text}");
    }
}
