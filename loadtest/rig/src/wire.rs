//! How an arm's clients speak: what they say on their way in, how a message is sent, and how little of what
//! they hear has to be read.
//!
//! The rig shares the machine with the servers, so reading must be cheap: a wire looks for the few
//! numbers it needs in the bytes of a frame and parses nothing else.

pub(crate) mod bare;
pub(crate) mod chat;
pub(crate) mod native;
pub(crate) mod socketio;

/// Spoken in WebSocket text frames. One value serves all clients of an arm.
pub(crate) trait Wire: Send + Sync {
    /// The request that asks for the WebSocket; none for a server that takes frames from the first byte.
    fn upgrade(&self, member: &Member) -> Option<Upgrade>;

    /// What is said after the upgrade, in this order, and what must be heard in between.
    fn greeting(&self, member: &Member) -> Vec<Step>;

    /// Appends the text that sends a message.
    fn send(&self, message: &Outgoing<'_>, out: &mut Vec<u8>);

    /// What a text from the server is.
    fn hear<'a>(&self, text: &'a [u8]) -> Heard<'a>;
}

/// Somebody who connects.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) user: String,
    /// As [`make_room`](crate::arm::Arm::make_room) called them.
    pub(crate) rooms: Vec<String>,
}

/// An upgrade request's target and the headers beside those of every WebSocket.
#[derive(Clone, Debug)]
pub(crate) struct Upgrade {
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// Something to say, if anything, and how the text begins that must come before the next step. Others may
/// come before it and are passed over.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) say: Option<String>,
    pub(crate) until: &'static str,
}

/// A message on its way to the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) room: &'a str,
    /// The request's id; no two messages of a process of the rig have the same.
    pub(crate) id: u64,
    /// Starts with the mark that [`number_after`] finds.
    pub(crate) text: &'a str,
}

/// What a text from the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// A message of the room: its place, and the number in its text.
    Delivered { seq: u64, number: u64 },
    /// Request `id` is stored.
    Acked { id: u64, seq: u64 },
    /// A text that must be said back at once, such as the answer to a ping.
    Say(&'a str),
    /// Request `id` was refused for the moment, as an outage or an overload is: it is sent again.
    Again { id: u64 },
    /// A refusal: the run has failed.
    Refused,
    /// Nothing that matters here.
    Other,
}

/// The length of every message's text, padding included.
pub(crate) const TEXT_BYTES: usize = 200;

/// The text of message `number`: `#<number> ` and padding.
pub(crate) fn text(number: u64) -> String {
    format!("{:.<TEXT_BYTES$}", format!("#{number} "))
}

/// The number that follows `mark` in `text`, where it stands first: `"seq":` or `"#`.
pub(crate) fn number_after(text: &[u8], mark: &[u8]) -> Option<u64> {
    let at = memchr::memmem::find(text, mark)? + mark.len();
    let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit());
    let mut digits = digits.map(|digit| u64::from(digit - b'0')).peekable();
    digits.peek()?;
    Some(digits.fold(0, |number, digit| number.wrapping_mul(10).wrapping_add(digit)))
}

#[cfg(test)]
mod tests {
    use super::{TEXT_BYTES, number_after, text};

    #[test]
    fn numbers_are_found_in_texts() {
        let message = text(42);
        assert_eq!(message.len(), TEXT_BYTES);
        assert_eq!(
            number_after(format!("{{\"text\":\"{message}\"}}").as_bytes(), b"\"#"),
            Some(42)
        );
        assert_eq!(number_after(br#"{"seq":17,"rev":18}"#, b"\"seq\":"), Some(17));
        assert_eq!(number_after(br#"{"seq":null}"#, b"\"seq\":"), None);
        assert_eq!(number_after(b"nothing", b"\"seq\":"), None);
    }
}
