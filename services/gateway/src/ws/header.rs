//! The head of a frame (RFC 6455 section 5.2): two to fourteen bytes, each judged as soon as it is
//! there, so that a bad frame fails before its payload was waited for.

use fastwebsockets::OpCode;

use super::Violation;

/// The longest head: two bytes, a length of eight, a mask of four.
pub(super) const HEADER_BYTES_MAX: usize = 14;
/// The longest payload of a control frame (section 5.5).
pub(super) const CONTROL_BYTES_MAX: usize = 125;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

/// A client frame's head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) fin: bool,
    pub(super) opcode: OpCode,
    pub(super) mask: [u8; 4],
    pub(super) payload_bytes: u64,
    pub(super) header_bytes: usize,
}

impl Header {
    /// Reads the head at the start of `bytes`; `None` if it goes on behind them.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, Violation> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let (fin, opcode) = parse_first(first)?;
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        if second & MASKED == 0 {
            return Err(Violation::NotMasked);
        }
        let short = second & !MASKED;
        if is_control(opcode) && usize::from(short) > CONTROL_BYTES_MAX {
            return Err(Violation::LongControl);
        }
        let length_bytes = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(extended) = bytes.get(2..2 + length_bytes) else { return Ok(None) };
        let payload_bytes = parse_length(short, extended)?;
        let header_bytes = 2 + length_bytes + 4;
        let Some(mask) = bytes.get(header_bytes - 4..header_bytes) else { return Ok(None) };
        let mask = mask.try_into().expect("the range has four bytes");
        Ok(Some(Self { fin, opcode, mask, payload_bytes, header_bytes }))
    }
}

fn parse_first(first: u8) -> Result<(bool, OpCode), Violation> {
    if first & RESERVED != 0 {
        return Err(Violation::ReservedBits);
    }
    let number = first & 0x0f;
    let opcode = OpCode::try_from(number).map_err(|_| Violation::ReservedOpcode(number))?;
    let fin = first & FIN != 0;
    if is_control(opcode) && !fin {
        return Err(Violation::FragmentedControl);
    }
    Ok((fin, opcode))
}

fn parse_length(short: u8, extended: &[u8]) -> Result<u64, Violation> {
    let length = extended.iter().fold(0, |length: u64, &byte| length << 8 | u64::from(byte));
    match short {
        126 if length < 126 => Err(Violation::LengthNotMinimal),
        127 if length >> 63 != 0 => Err(Violation::LengthOutOfRange),
        127 if length < 1 << 16 => Err(Violation::LengthNotMinimal),
        126 | 127 => Ok(length),
        _ => Ok(short.into()),
    }
}

pub(super) const fn is_control(opcode: OpCode) -> bool {
    matches!(opcode, OpCode::Close | OpCode::Ping | OpCode::Pong)
}

/// The head of a whole, unmasked (server's) frame: the bytes, and how many of them count.
pub(super) fn server_head(opcode: OpCode, payload_bytes: usize) -> ([u8; 10], usize) {
    let mut head = [0; 10];
    head[0] = FIN | opcode as u8;
    if let Ok(length) = u8::try_from(payload_bytes)
        && length < 126
    {
        head[1] = length;
        (head, 2)
    } else if let Ok(length) = u16::try_from(payload_bytes) {
        head[1] = 126;
        head[2..4].copy_from_slice(&length.to_be_bytes());
        (head, 4)
    } else {
        head[1] = 127;
        head[2..].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
        (head, 10)
    }
}
