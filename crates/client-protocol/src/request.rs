//! A request of the native door: a JSON object with an `id`, a `type` that names the command, and the
//! command's fields beside them. Unknown fields are ignored; a field that is missing or of the wrong type is
//! refused with a text that names it.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, fmt};

use hubbub_domain::{Fault, Flaw, SUBSTITUTE};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;

use crate::{Command, command::FRAME, reading::parse_document, unicode};

/// A command with the id its answer will carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: RequestId,
    pub command: Command,
}

/// The client's own id for a request: a number, or a text of at most 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum RequestId {
    Number(u64),
    Text(Box<str>),
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;

        impl de::Visitor<'_> for NumberOrText {
            type Value = RequestId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}a whole number, 0 or more, or a string", Flaw::MARK)
            }

            fn visit_u64<E>(self, number: u64) -> Result<RequestId, E> {
                Ok(RequestId::Number(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RequestId, E> {
                if text.len() > REQUEST_ID_BYTES_MAX {
                    let range = format!("must have at most {REQUEST_ID_BYTES_MAX} bytes");
                    return Err(E::custom(Flaw::new(range)));
                }
                Ok(RequestId::Text(text.into()))
            }
        }

        deserializer.deserialize_any(NumberOrText)
    }
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

        /// The same, for finding out what is wrong.
        #[derive(Deserialize)]
        #[expect(dead_code, reason = "only its problems count")]
        struct OutlineOwned {
            id: RequestId,
            #[serde(rename = "type")]
            name: Option<String>,
        }

        let refuse = |id, fault| RequestError { id, fault };
        let missing = |field| Fault::bad_request(format!("`{field}` is missing"));
        let outline: Outline<'_> = serde_json::from_str(text).map_err(|_| {
            let fault = parse_document::<OutlineOwned>(text, FRAME).err();
            refuse(None, fault.unwrap_or_else(|| missing("id")))
        })?;
        let id = outline.id.ok_or_else(|| refuse(None, missing("id")))?;
        if let RequestId::Text(text) = &id
            && text.contains(SUBSTITUTE)
        {
            // The client knows its id by another text, and this is the nearest that can be written.
            let id = RequestId::Text(text.replace(SUBSTITUTE, "\u{fffd}").into());
            return Err(refuse(Some(id), Fault::bad_request("`id` must be valid Unicode")));
        }
        let Some(name) = outline.name else {
            return Err(refuse(Some(id), missing("type")));
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
