//! What a [`Decoder`](super::Decoder) must remember between two reads: the start of a head, a frame
//! whose payload is still arriving, a message whose fragments are, and what a paused reader left.
//!
//! Invariant: memory follows what has arrived, never what a header claims.

use bytes::BytesMut;
use fastwebsockets::OpCode;
use smallvec::SmallVec;

use super::{
    Limits, Violation,
    header::{CONTROL_BYTES_MAX, HEADER_BYTES_MAX, Header, is_control},
};

/// A buffer that grows takes at least this much, and else as much again as it holds.
const STEP_BYTES: usize = 256;

#[derive(Default)]
pub(super) struct Partial {
    /// The start of a head that was cut.
    head: SmallVec<[u8; HEADER_BYTES_MAX]>,
    /// The frame whose payload is arriving.
    frame: Option<Frame>,
    /// The payload of a control frame that was cut.
    control: Vec<u8>,
    /// The message that is arriving in fragments, or in a frame that was cut.
    message: Option<Assembly>,
    /// Bytes that were read and not looked at, because the reader paused.
    pub(super) unread: BytesMut,
}

struct Frame {
    fin: bool,
    opcode: OpCode,
    /// Rotated so that its first byte belongs to the next byte of the payload.
    mask: [u8; 4],
    remaining: u64,
}

/// A message under construction.
struct Assembly {
    opcode: OpCode,
    bytes: Vec<u8>,
    fragments: u32,
    /// How far the bytes are known to be UTF-8; at most three more are the start of a character.
    utf8_bytes: usize,
}

impl Partial {
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_empty()
            && self.frame.is_none()
            && self.message.is_none()
            && self.unread.is_empty()
    }

    /// A frame or a message has begun.
    pub(super) fn is_amid(&self) -> bool {
        !self.head.is_empty() || self.frame.is_some() || self.message.is_some()
    }

    pub(super) fn in_frame(&self) -> bool {
        self.frame.is_some()
    }

    pub(super) fn in_message(&self) -> bool {
        self.message.is_some()
    }

    /// What is kept for the next read.
    pub(super) fn held_bytes(&self) -> usize {
        self.message.as_ref().map_or(0, Assembly::capacity) + self.unread.len()
    }

    /// Completes the head from `input`: how many bytes of it were taken, and the head if it is whole.
    pub(super) fn take_head(&mut self, input: &[u8]) -> Result<(usize, Option<Header>), Violation> {
        let carried = self.head.len();
        let missing = (HEADER_BYTES_MAX - carried).min(input.len());
        self.head.extend_from_slice(&input[..missing]);
        let header = Header::parse(&self.head)?;
        let taken = header.map_or(missing, |header| header.header_bytes - carried);
        if header.is_some() {
            self.head.clear();
        }
        Ok((taken, header))
    }

    /// Judges a frame by its place among the others, before any of its payload.
    pub(super) fn check(&self, header: &Header, limits: Limits) -> Result<(), Violation> {
        if is_control(header.opcode) {
            return Ok(());
        }
        let (bytes, fragments) = match (&self.message, header.opcode) {
            (Some(message), OpCode::Continuation) => (message.bytes.len(), message.fragments),
            (None, OpCode::Continuation) => return Err(Violation::NothingToContinue),
            (Some(_), _) => return Err(Violation::MessageNotFinished),
            (None, _) => (0, 0),
        };
        if header.payload_bytes > limits.message_bytes_max.saturating_sub(bytes) as u64 {
            return Err(Violation::TooLarge(limits.message_bytes_max));
        }
        if fragments >= limits.fragments_max {
            return Err(Violation::TooManyFragments(limits.fragments_max));
        }
        Ok(())
    }

    /// Starts a frame whose payload is to be collected. It was checked.
    pub(super) fn begin(&mut self, header: &Header) {
        self.frame = Some(Frame {
            fin: header.fin,
            opcode: header.opcode,
            mask: header.mask,
            remaining: header.payload_bytes,
        });
        if is_control(header.opcode) {
            return;
        }
        self.message
            .get_or_insert_with(|| Assembly {
                opcode: header.opcode,
                bytes: Vec::new(),
                fragments: 0,
                utf8_bytes: 0,
            })
            .fragments += 1;
    }

    /// Takes what `input` has of the frame's payload; says how much that was.
    pub(super) fn collect(&mut self, input: &mut [u8]) -> Result<usize, Violation> {
        let frame = self.frame.as_mut().expect("called inside a frame");
        let taken = usize::try_from(frame.remaining).map_or(input.len(), |r| r.min(input.len()));
        let payload = &mut input[..taken];
        fastwebsockets::unmask(payload, frame.mask);
        frame.mask.rotate_left(taken % 4);
        frame.remaining -= taken as u64;
        if is_control(frame.opcode) {
            debug_assert!(self.control.len() + taken <= CONTROL_BYTES_MAX, "checked in the head");
            self.control.extend_from_slice(payload);
            return Ok(taken);
        }
        let message = self.message.as_mut().expect("begun with its first frame");
        message.append(payload, frame.remaining);
        message.validate()?;
        Ok(taken)
    }

    /// Ends the frame if its payload is complete; gives what it completes, if it completes something.
    pub(super) fn end_frame(&mut self) -> Result<Option<(OpCode, Vec<u8>)>, Violation> {
        let Some(frame) = self.frame.take_if(|frame| frame.remaining == 0) else { return Ok(None) };
        if is_control(frame.opcode) {
            return Ok(Some((frame.opcode, std::mem::take(&mut self.control))));
        }
        if !frame.fin {
            return Ok(None);
        }
        let message = self.message.take().expect("begun with its first frame");
        if message.opcode == OpCode::Text && message.utf8_bytes < message.bytes.len() {
            return Err(Violation::TextNotUtf8);
        }
        Ok(Some((message.opcode, message.bytes)))
    }
}

impl Assembly {
    /// Appends a payload of which `remaining` bytes of the same frame are still to come.
    fn append(&mut self, payload: &[u8], remaining: u64) {
        let free = self.bytes.capacity() - self.bytes.len();
        if payload.len() > free {
            let ahead = usize::try_from(remaining).unwrap_or(usize::MAX);
            let spare = ahead.min((self.bytes.len() + payload.len()).max(STEP_BYTES));
            self.bytes.reserve_exact(payload.len() + spare);
        }
        self.bytes.extend_from_slice(payload);
    }

    /// Fails at the first byte that no continuation could make valid.
    fn validate(&mut self) -> Result<(), Violation> {
        if self.opcode != OpCode::Text {
            return Ok(());
        }
        match std::str::from_utf8(&self.bytes[self.utf8_bytes..]) {
            Ok(_) => self.utf8_bytes = self.bytes.len(),
            Err(error) if error.error_len().is_none() => self.utf8_bytes += error.valid_up_to(),
            Err(_) => return Err(Violation::TextNotUtf8),
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
impl Partial {
    /// Bytes reserved for the message that is arriving.
    pub(super) fn reserved_bytes(&self) -> usize {
        self.message.as_ref().map_or(0, Assembly::capacity)
    }
}
