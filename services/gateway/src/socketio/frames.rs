//! Packets as ready WebSocket frames: a packet and its attachments are one piece, so that nothing
//! can come between them.

use bytes::{Bytes, BytesMut};
use hubbub_client_protocol::socketio::{
    Head, Kind, write_ack, write_connect, write_connect_error, write_event,
};
use serde::Serialize;
use serde_json::Value;

use crate::{engineio::text_frame, ws::encode};

/// What a packet takes, about.
const PACKET_BYTES: usize = 512;

/// An event, ready for the socket of everybody in `namespace`. `args` serializes as a list; where an
/// attachment belongs it has [`placeholder_for`](super::placeholder_for) its number.
///
/// What does not serialize (a map with keys that are no text, or no list) is an error of ours.
pub fn event_frames(
    namespace: &str,
    name: &str,
    args: &(impl Serialize + ?Sized),
    attachments: &[Bytes],
) -> Bytes {
    let head = Head { attachments: attachments.len(), ..Head::of(namespace) };
    event(&head, name, args, attachments)
}

pub(super) fn event(
    head: &Head<'_>,
    name: &str,
    args: &(impl Serialize + ?Sized),
    attachments: &[Bytes],
) -> Bytes {
    let text = text_frame(PACKET_BYTES, |out| {
        write_event(out, head, name, args).expect("the arguments are a list with text keys");
    });
    with_attachments(text, attachments)
}

pub(super) fn ack(
    head: &Head<'_>,
    args: &(impl Serialize + ?Sized),
    attachments: &[Bytes],
) -> Bytes {
    let text = text_frame(PACKET_BYTES, |out| {
        write_ack(out, head, args).expect("the arguments have text keys");
    });
    with_attachments(text, attachments)
}

pub(super) fn connected(namespace: &str, sid: &str, pid: Option<&str>) -> Bytes {
    text_frame(PACKET_BYTES, |out| write_connect(out, namespace, sid, pid))
}

pub(super) fn refused(namespace: &str, message: &str, data: Option<&Value>) -> Bytes {
    text_frame(PACKET_BYTES, |out| write_connect_error(out, namespace, message, data))
}

pub(super) fn disconnected(namespace: &str) -> Bytes {
    text_frame(namespace.len() + 2, |out| Head::of(namespace).write(out, Kind::Disconnect))
}

fn with_attachments(text: Bytes, attachments: &[Bytes]) -> Bytes {
    if attachments.is_empty() {
        return text;
    }
    let mut frames = BytesMut::from(text);
    for attachment in attachments {
        frames.extend_from_slice(&encode::binary(attachment));
    }
    frames.freeze()
}
