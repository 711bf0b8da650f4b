//! A request: a command and the id its answer will carry, read from a frame and written into one.

use std::borrow::Cow;

use hubbub_domain::{Fault, SUBSTITUTE};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::Command;
use crate::unicode;

/// A command with the id its answer will carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: RequestId,
    pub command: Command,
}

/// The client's own id for a request: a number, or a text of at most 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RequestId {
    Number(u64),
    Text(Box<str>),
}

/// Why a frame is not a request. With an id it can be answered; without one only the connection
/// can be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    pub id: Option<RequestId>,
    pub fault: Fault,
}

const REQUEST_ID_BYTES_MAX: usize = 64;

impl Request {
    /// Reads a frame in two passes: first who asks for what, then the fields of that command. So a
    /// wrong field can still be answered with the request's id.
    ///
    /// Half a character in a text becomes U+FFFD; see [`unicode`].
    pub fn parse(text: &str) -> Result<Self, RequestError> {
        unicode::tolerant(text, Self::parse_strictly)
    }

    fn parse_strictly(text: &str) -> Result<Self, RequestError> {
        #[derive(Deserialize)]
        struct Outline<'a> {
            id: Option<RequestId>,
            #[serde(borrow, rename = "type")]
            name: Option<Cow<'a, str>>,
        }

        let refuse = |id, message: String| RequestError { id, fault: Fault::bad_request(message) };
        let outline: Outline<'_> = serde_json::from_str(text)
            .map_err(|error| refuse(None, format!("not a request: {}", in_words(&error))))?;
        let id = outline.id.ok_or_else(|| refuse(None, "id is missing".into()))?;
        if matches!(&id, RequestId::Text(text) if text.len() > REQUEST_ID_BYTES_MAX) {
            return Err(refuse(None, format!("id has more than {REQUEST_ID_BYTES_MAX} bytes")));
        }
        if let RequestId::Text(text) = &id
            && text.contains(SUBSTITUTE)
        {
            // The client knows its id by another text, and this is the nearest that can be written.
            let id = RequestId::Text(text.replace(SUBSTITUTE, "\u{fffd}").into());
            return Err(refuse(Some(id), "id is not valid Unicode".into()));
        }
        let Some(name) = outline.name else {
            return Err(refuse(Some(id), "type is missing".into()));
        };
        match Command::parse(&name, text) {
            Ok(command) => Ok(Self { id, command }),
            Err(fault) => Err(RequestError { id: Some(id), fault }),
        }
    }

    /// The frame a client sends.
    pub fn encode(&self) -> String {
        #[derive(Serialize)]
        struct Frame<'a> {
            id: &'a RequestId,
            #[serde(flatten)]
            command: &'a Command,
        }

        serde_json::to_string(&Frame { id: &self.id, command: &self.command })
            .expect("commands have text keys only")
    }
}

/// Reads a JSON object as a client sent it; half a character in a text becomes U+FFFD.
pub fn parse_body<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    unicode::tolerant(text, |text| parse_fields(text))
}

/// Reads a JSON object; the fault names what is missing or wrong.
pub fn parse_fields<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::bad_request(in_words(&error)))
}

/// What serde_json says, without its place in the text when that is only the end of the object, and
/// without our own code in front (a `Fault` displays as `code: message`).
fn in_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or(&text);
    shortened(text.strip_prefix("bad_request: ").unwrap_or(text)).into_owned()
}

/// A client's own words are repeated to it only in part.
pub(super) fn shortened(text: &str) -> Cow<'_, str> {
    const CHARS_MAX: usize = 120;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
