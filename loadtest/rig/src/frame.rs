//! WebSocket frames (RFC 6455, section 5.2), as little of them as the rig needs: whole text frames and the
//! control frames, neither fragmented nor compressed. Reading allocates nothing.

use std::ops::Range;

use anyhow::{Result, ensure};

pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// What clients mask with. It need not be random: it protects proxies from scripts in browsers, and here
/// is neither.
const MASK: [u8; 4] = [0x5a, 0x11, 0xc3, 0x78];

/// A frame that is there as a whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) mask: Option<[u8; 4]>,
    /// Where in the bytes its payload stands; the next frame follows it.
    pub(crate) payload: Range<usize>,
}

/// The first frame of `bytes`; none while it is not complete.
pub(crate) fn first(bytes: &[u8]) -> Result<Option<Frame>> {
    let [head, length, ..] = *bytes else { return Ok(None) };
    ensure!(head & 0xf0 == 0x80, "a frame in pieces, or compressed: {head:#04x}");
    let (length, mut at) = match length & 0x7f {
        126 if bytes.len() < 4 => return Ok(None),
        126 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
        127 => {
            let Some(Ok(length)) = bytes.get(2..10).map(<[u8; 8]>::try_from) else {
                return Ok(None);
            };
            (usize::try_from(u64::from_be_bytes(length))?, 10)
        }
        short => (usize::from(short), 2),
    };
    let mut mask = None;
    if bytes[1] & 0x80 != 0 {
        let Some(Ok(key)) = bytes.get(at..at + 4).map(<[u8; 4]>::try_from) else {
            return Ok(None);
        };
        (mask, at) = (Some(key), at + 4);
    }
    let payload = at..at + length;
    let frame = Frame { opcode: head & 0x0f, mask, payload };
    Ok((bytes.len() >= frame.payload.end).then_some(frame))
}

/// Appends a client's frame, which is masked.
pub(crate) fn append_masked(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    append_head(opcode, payload.len(), 0x80, out);
    out.extend(MASK);
    let at = out.len();
    out.extend(payload);
    unmask(MASK, &mut out[at..]);
}

/// Appends a server's frame.
pub(crate) fn append(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    append_head(opcode, payload.len(), 0, out);
    out.extend(payload);
}

/// Masks, or takes the mask off.
pub(crate) fn unmask(mask: [u8; 4], payload: &mut [u8]) {
    for (byte, key) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

fn append_head(opcode: u8, length: usize, masked: u8, out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => out.push(masked | short),
        (_, Ok(length)) => {
            out.push(masked | 0x7e);
            out.extend(length.to_be_bytes());
        }
        _ => {
            out.push(masked | 0x7f);
            out.extend((length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TEXT, append, append_masked, first, unmask};

    #[test]
    fn frames_of_every_length_are_read_once_they_are_complete() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let (mut plain, mut masked) = (Vec::new(), Vec::new());
            append(TEXT, &payload, &mut plain);
            append_masked(TEXT, &payload, &mut masked);
            for mut bytes in [plain, masked] {
                for end in [0, 1, 2, 3, bytes.len() - 1] {
                    let part = &bytes[..end.min(bytes.len() - 1)];
                    assert_eq!(first(part).expect("valid so far"), None, "{length}");
                }
                bytes.extend(b"the next");
                let frame = first(&bytes).expect("valid").expect("complete");
                assert_eq!(frame.payload.end, bytes.len() - "the next".len());
                if let Some(mask) = frame.mask {
                    unmask(mask, &mut bytes[frame.payload.clone()]);
                }
                assert_eq!(bytes[frame.payload], payload);
            }
        }
    }

    #[test]
    fn pieces_and_compression_are_refused() {
        for head in [0x01, 0xc1] {
            assert!(first(&[head, 0]).is_err());
        }
    }
}
