//! Server frames: whole, unmasked, and so the same bytes for every receiver. Each function makes
//! head and payload once; the `Bytes` are then shared by all queues that hold them.

use bytes::Bytes;
use fastwebsockets::OpCode;

use super::header::{CONTROL_BYTES_MAX, server_head};

/// The longest head of a server frame.
const HEAD_BYTES_MAX: usize = 10;

/// A text message.
pub fn text(payload: &str) -> Bytes {
    frame(OpCode::Text, payload.as_bytes())
}

/// A binary message.
pub fn binary(payload: &[u8]) -> Bytes {
    frame(OpCode::Binary, payload)
}

/// A text message that is written straight into its frame, without a copy. What `write` appends
/// must be UTF-8; `payload_bytes` is a guess that saves growing.
pub fn text_with<E>(
    payload_bytes: usize,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<Bytes, E> {
    let mut frame = Vec::with_capacity(HEAD_BYTES_MAX + payload_bytes);
    frame.resize(HEAD_BYTES_MAX, 0);
    write(&mut frame)?;
    debug_assert!(std::str::from_utf8(&frame[HEAD_BYTES_MAX..]).is_ok(), "a text must be UTF-8");
    let (head, head_bytes) = server_head(OpCode::Text, frame.len() - HEAD_BYTES_MAX);
    let start = HEAD_BYTES_MAX - head_bytes;
    frame[start..HEAD_BYTES_MAX].copy_from_slice(&head[..head_bytes]);
    Ok(Bytes::from(frame).slice(start..))
}

/// A ping without payload: what a heartbeat needs, and free.
pub const fn ping() -> Bytes {
    Bytes::from_static(&[0x89, 0])
}

/// The answer to a ping, with its payload (at most 125 bytes, as in any ping that was decoded).
pub fn pong(payload: &[u8]) -> Bytes {
    frame(OpCode::Pong, &payload[..payload.len().min(CONTROL_BYTES_MAX)])
}

/// A close frame. A reason over 123 bytes is cut at the last character that fits (section 5.5).
pub fn close(code: u16, reason: &str) -> Bytes {
    let reason = &reason[..reason.floor_char_boundary(CONTROL_BYTES_MAX - 2)];
    let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
    frame(OpCode::Close, &payload)
}

/// A close frame without a code: the answer to one that had none.
pub const fn close_without_code() -> Bytes {
    Bytes::from_static(&[0x88, 0])
}

/// What one of these frames says, and where the next one begins in `frames`, which begins with one.
pub(crate) fn split_frame(frames: &[u8]) -> Option<(Said<'_>, &[u8])> {
    let (&[first, length], rest) = frames.split_first_chunk()?;
    let (length, rest) = match length {
        126 => {
            rest.split_first_chunk().map(|(&it, rest)| (u64::from(u16::from_be_bytes(it)), rest))?
        }
        127 => rest.split_first_chunk().map(|(&it, rest)| (u64::from_be_bytes(it), rest))?,
        length => (u64::from(length), rest),
    };
    let (payload, next) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let said = match OpCode::try_from(first & 0x0f).ok()? {
        OpCode::Text => Said::Text(std::str::from_utf8(payload).ok()?),
        OpCode::Binary => Said::Binary(payload),
        _ => Said::Control,
    };
    Some((said, next))
}

/// What a frame of ours says, to those who are told by other means than WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Control,
}

fn frame(opcode: OpCode, payload: &[u8]) -> Bytes {
    let (head, head_bytes) = server_head(opcode, payload.len());
    let mut frame = Vec::with_capacity(head_bytes + payload.len());
    frame.extend_from_slice(&head[..head_bytes]);
    frame.extend_from_slice(payload);
    frame.into()
}

#[cfg(test)]
mod tests {
    use super::{Said, binary, close, ping, pong, split_frame, text, text_with};

    #[test]
    fn lengths_take_their_shortest_form() {
        for (length, head) in [
            (0, &[0x81, 0][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65_535, &[0x81, 126, 255, 255]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = "x".repeat(length);
            let frame = text(&payload);
            assert_eq!(&frame[..head.len()], head);
            assert_eq!(&frame[head.len()..], payload.as_bytes());
            let written: Result<_, ()> = text_with(0, |out| {
                out.extend_from_slice(payload.as_bytes());
                Ok(())
            });
            assert_eq!(written, Ok(frame));
        }
    }

    #[test]
    fn a_close_reason_is_cut_between_characters() {
        let frame = close(4000, &"é".repeat(100));
        assert_eq!(frame[1], 2 + 122);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
    }

    #[test]
    fn frames_are_taken_apart_again() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let payload = "x".repeat(length);
            let frames = [text(&payload), binary(payload.as_bytes()), ping()].concat();
            let (said, rest) = split_frame(&frames).unwrap();
            assert_eq!(said, Said::Text(&payload));
            let (said, rest) = split_frame(rest).unwrap();
            assert_eq!(said, Said::Binary(payload.as_bytes()));
            assert_eq!(split_frame(rest), Some((Said::Control, &[][..])));
            assert_eq!(split_frame(&frames[..length]), None, "cut");
        }
    }

    #[test]
    fn control_frames_are_short() {
        assert_eq!(&ping()[..], &[0x89, 0]);
        assert_eq!(pong(&[7; 300]).len(), 2 + 125);
    }
}
