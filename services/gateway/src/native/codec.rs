//! How the native door spells events and replies: JSON in a text frame.

use bytes::Bytes;
use hubbub_client_protocol::{CloseCode, Event, Reply, RequestId};
use hubbub_domain::{Change, Fault, RoomId};

use crate::{
    session::{Codec, Ending},
    ws::encode,
};

/// The codec of `hubbub.v1+json`.
pub(crate) struct NativeCodec;

impl Codec for NativeCodec {
    fn heeds_moving(&self) -> bool {
        true
    }

    fn slot(&self) -> usize {
        0
    }

    fn change(&self, room: RoomId, change: &Change) -> Bytes {
        self.event(&Event::of_change(room, change.clone()))
    }

    fn event(&self, event: &Event) -> Bytes {
        encode::text_with(EVENT_BYTES, |frame| event.write(frame)).expect("it has text keys only")
    }
}

/// What a message event takes, about.
const EVENT_BYTES: usize = 512;

/// The answer to a request.
pub(super) fn answer(id: &RequestId, outcome: &Result<Reply, Fault>) -> Bytes {
    let json = match outcome {
        Ok(reply) => reply.encode(id),
        Err(fault) => Reply::encode_fault(Some(id), fault),
    };
    frame(&json)
}

/// The answer to something that cannot be told apart from other requests.
fn complaint(fault: &Fault) -> Bytes {
    frame(&Reply::encode_fault(None, fault))
}

/// What cannot be answered ends the connection, after saying what was wrong.
pub(super) fn broken(wire_reply: &mut impl FnMut(Bytes), fault: Fault) -> Ending {
    wire_reply(complaint(&fault));
    Ending::Code(CloseCode::Protocol, fault.message)
}

fn frame(json: &[u8]) -> Bytes {
    encode::text(std::str::from_utf8(json).expect("JSON is UTF-8"))
}
