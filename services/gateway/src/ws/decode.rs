//! Bytes in, messages out: the reading half of RFC 6455 as a state machine without a socket.
//!
//! A frame that lies whole in the input is unmasked in place and lent from there. Only what is cut
//! (by the end of a read, or into fragments) is copied, and kept in a box that goes away with it: a
//! decoder at rest is four words. Every rule is checked at the first byte that can break it, so
//! that a hostile peer is refused before it made us wait or store anything.

use std::ops::Range;

use bytes::{Buf, BytesMut};
use fastwebsockets::OpCode;

use super::{
    Violation,
    header::{Header, is_control},
    partial::Partial,
};

/// The bounds on what one client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message, summed over its fragments. At the bound: closed with 1009.
    pub message_bytes_max: usize,
    /// Frames of one message. At the bound: closed with 1008.
    pub fragments_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes_max: 64 * 1024, fragments_max: 1_024 }
    }
}

/// What a client said, valid and complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    /// To be answered by a pong with the same payload.
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    /// The last message: what follows on the wire is ignored (section 5.5.1).
    Close {
        code: Option<u16>,
        reason: &'a str,
    },
}

/// Decodes one client's frames. Feed it every byte, in order.
pub struct Decoder {
    limits: Limits,
    /// Closed by the peer or broken: all that follows is ignored.
    finished: bool,
    partial: Option<Box<Partial>>,
}

impl Decoder {
    pub const fn new(limits: Limits) -> Self {
        Self { limits, finished: false, partial: None }
    }

    /// Decodes `input`, which is overwritten. The messages come one at a time from
    /// [`Messages::next_message`]; if they are dropped before the end, what was not looked at is
    /// kept and comes before the next input.
    pub fn feed<'a>(&'a mut self, input: &'a mut [u8]) -> Messages<'a> {
        let input = match &mut self.partial {
            Some(partial) if !partial.unread.is_empty() => {
                let mut unread = std::mem::take(&mut partial.unread);
                unread.extend_from_slice(input);
                Input::Kept(unread)
            }
            _ => Input::Lent(input),
        };
        Messages { decoder: self, input, at: 0, assembled: Vec::new() }
    }

    /// Whether input is waiting that an earlier [`feed`](Self::feed) did not look at.
    pub fn has_unread(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| !partial.unread.is_empty())
    }

    /// Whether a message has begun to arrive and not ended.
    pub fn is_amid(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.is_amid())
    }

    /// Bytes held of a message that is not complete, and of input that was not looked at.
    pub fn held_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.held_bytes())
    }

    /// Another bound for the messages from here on.
    pub const fn set_message_bytes_max(&mut self, message_bytes_max: usize) {
        self.limits.message_bytes_max = message_bytes_max;
    }

    /// Whether the peer closed or broke the protocol: nothing more will come.
    pub const fn is_finished(&self) -> bool {
        self.finished
    }

    fn partial(&mut self) -> &mut Partial {
        self.partial.get_or_insert_default()
    }
}

enum Input<'a> {
    Lent(&'a mut [u8]),
    Kept(BytesMut),
}

impl Input<'_> {
    fn bytes(&mut self) -> &mut [u8] {
        match self {
            Self::Lent(bytes) => bytes,
            Self::Kept(bytes) => bytes,
        }
    }
}

/// The messages of one input, lent one at a time.
pub struct Messages<'a> {
    decoder: &'a mut Decoder,
    input: Input<'a>,
    at: usize,
    /// The message lent last, when it did not lie whole in the input.
    assembled: Vec<u8>,
}

/// Where a complete payload lies.
enum Place {
    Input(Range<usize>),
    Assembled,
}

impl Messages<'_> {
    /// The next complete message; `None` when the input is used up. After an error nothing follows.
    pub fn next_message(&mut self) -> Result<Option<Message<'_>>, Violation> {
        self.assembled = Vec::new();
        let decoder = &mut *self.decoder;
        if decoder.finished {
            return Ok(None);
        }
        let found = find(decoder, self.input.bytes(), &mut self.at, &mut self.assembled);
        let message = match found {
            Ok(None) => return Ok(None),
            Ok(Some((opcode, Place::Input(range)))) => message(opcode, &self.input.bytes()[range]),
            Ok(Some((opcode, Place::Assembled))) => message(opcode, &self.assembled),
            Err(violation) => Err(violation),
        };
        decoder.finished = matches!(message, Err(_) | Ok(Message::Close { .. }));
        message.map(Some)
    }
}

impl Drop for Messages<'_> {
    fn drop(&mut self) {
        if self.decoder.finished {
            self.decoder.partial = None;
            return;
        }
        let unread = match &mut self.input {
            Input::Lent(input) => BytesMut::from(&input[self.at..]),
            Input::Kept(input) => {
                input.advance(self.at);
                std::mem::take(input)
            }
        };
        if !unread.is_empty() {
            self.decoder.partial().unread = unread;
        }
        self.decoder.partial.take_if(|partial| partial.is_empty());
    }
}

/// Advances to the end of the next complete message.
fn find(
    decoder: &mut Decoder,
    input: &mut [u8],
    at: &mut usize,
    assembled: &mut Vec<u8>,
) -> Result<Option<(OpCode, Place)>, Violation> {
    while *at < input.len() {
        if !decoder.partial.as_ref().is_some_and(|partial| partial.in_frame()) {
            let Some(header) = next_header(decoder, input, at)? else { return Ok(None) };
            if let Some(range) = lie_whole(decoder, &header, input, *at) {
                fastwebsockets::unmask(&mut input[range.clone()], header.mask);
                *at = range.end;
                return Ok(Some((header.opcode, Place::Input(range))));
            }
            decoder.partial().begin(&header);
        }
        let partial = decoder.partial();
        *at += partial.collect(&mut input[*at..])?;
        if let Some((opcode, bytes)) = partial.end_frame()? {
            *assembled = bytes;
            return Ok(Some((opcode, Place::Assembled)));
        }
    }
    Ok(None)
}

/// Reads a head and leaves `at` behind it.
fn next_header(
    decoder: &mut Decoder,
    input: &[u8],
    at: &mut usize,
) -> Result<Option<Header>, Violation> {
    let rest = &input[*at..];
    let limits = decoder.limits;
    let (taken, header) = match &mut decoder.partial {
        Some(partial) => partial.take_head(rest)?,
        None => match Header::parse(rest)? {
            Some(header) => (header.header_bytes, Some(header)),
            None => decoder.partial().take_head(rest)?,
        },
    };
    *at += taken;
    if let Some(header) = &header {
        match &decoder.partial {
            Some(partial) => partial.check(header, limits)?,
            None => Partial::default().check(header, limits)?,
        }
    }
    Ok(header)
}

/// Where the payload lies, if the frame is a message by itself and all of it is there.
fn lie_whole(decoder: &Decoder, header: &Header, input: &[u8], at: usize) -> Option<Range<usize>> {
    let in_message = decoder.partial.as_ref().is_some_and(|partial| partial.in_message());
    if !is_control(header.opcode) && (in_message || !header.fin) {
        return None;
    }
    let end = at.checked_add(usize::try_from(header.payload_bytes).ok()?)?;
    (end <= input.len()).then_some(at..end)
}

/// Reads a payload as what its opcode says it is.
fn message(opcode: OpCode, payload: &[u8]) -> Result<Message<'_>, Violation> {
    match opcode {
        OpCode::Text => {
            std::str::from_utf8(payload).map(Message::Text).map_err(|_| Violation::TextNotUtf8)
        }
        OpCode::Ping => Ok(Message::Ping(payload)),
        OpCode::Pong => Ok(Message::Pong(payload)),
        OpCode::Close => close(payload),
        OpCode::Binary | OpCode::Continuation => Ok(Message::Binary(payload)),
    }
}

/// Section 5.5.1: nothing, or a code and a reason.
fn close(payload: &[u8]) -> Result<Message<'_>, Violation> {
    match payload {
        [] => Ok(Message::Close { code: None, reason: "" }),
        [_] => Err(Violation::CloseTooShort),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !may_be_sent(code) {
                return Err(Violation::CloseCode(code));
            }
            let reason = std::str::from_utf8(reason).map_err(|_| Violation::CloseReasonNotUtf8)?;
            Ok(Message::Close { code: Some(code), reason })
        }
    }
}

/// Section 7.4 and the IANA registry of close codes: 1004 is unassigned; 1005, 1006 and 1015 stand
/// for things that cannot be sent; what else lies below 3000 is reserved.
const fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
