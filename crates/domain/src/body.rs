//! What a message says. Checked once, when it is made; every path afterwards carries it unchanged.

use serde::{Deserialize, Serialize};

use crate::{Code, Fault, Link, Seq, UserId, limits};

/// The content of a message. Made by [`Body::new`]; at least a text or an attachment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Body {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// The message of the same room that this one answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Seq>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<UserId>,
}

/// A file that belongs to a message. hubbub stores the reference and never fetches it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attachment {
    /// `https:`, `http:`, or a path on this server (`/…`).
    pub url: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content_type: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub size_bytes: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Body {
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Checks every bound; the fault names the field.
    pub fn validate(&self, text_chars_max: usize) -> Result<(), Fault> {
        if self.text.is_empty() && self.attachments.is_empty() {
            return Err(Fault::bad_request("body has neither text nor attachments"));
        }
        // A scalar value takes one to four bytes: counting is needed only in between.
        if self.text.len() > text_chars_max && self.text.chars().count() > text_chars_max {
            return Err(Fault::new(
                Code::TooLarge,
                format!("text has more than {text_chars_max} characters"),
            ));
        }
        if self.text.contains('\0') {
            return Err(Fault::bad_request("text has a NUL character"));
        }
        if self.attachments.len() > limits::ATTACHMENTS_MAX {
            return Err(Fault::new(
                Code::LimitReached,
                format!("more than {} attachments", limits::ATTACHMENTS_MAX),
            ));
        }
        if self.mentions.len() > limits::MENTIONS_MAX {
            return Err(Fault::new(
                Code::LimitReached,
                format!("more than {} mentions", limits::MENTIONS_MAX),
            ));
        }
        if self.reply_to == Some(Seq::ZERO) {
            return Err(Fault::bad_request("reply_to is 0; the first message is 1"));
        }
        self.attachments.iter().try_for_each(Attachment::validate)
    }
}

impl Attachment {
    fn validate(&self) -> Result<(), Fault> {
        if self.url.len() > limits::ATTACHMENT_URL_BYTES_MAX {
            return Err(Fault::new(
                Code::TooLarge,
                format!("attachment url has more than {} bytes", limits::ATTACHMENT_URL_BYTES_MAX),
            ));
        }
        if Link::parse(&self.url).is_none() {
            return Err(Fault::bad_request(
                "attachment url is neither http(s) nor a path on this server",
            ));
        }
        for (what, text) in [("name", &self.name), ("content_type", &self.content_type)] {
            if text.len() > limits::ATTACHMENT_NAME_BYTES_MAX {
                return Err(Fault::new(
                    Code::TooLarge,
                    format!(
                        "attachment {what} has more than {} bytes",
                        limits::ATTACHMENT_NAME_BYTES_MAX
                    ),
                ));
            }
            if text.chars().any(char::is_control) {
                return Err(Fault::bad_request(format!(
                    "attachment {what} has a control character"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Attachment, Body};
    use crate::{Code, limits::TEXT_CHARS_MAX};

    #[test]
    fn counts_characters_not_bytes() {
        let longest = Body::text("é".repeat(TEXT_CHARS_MAX));
        assert_eq!(longest.validate(TEXT_CHARS_MAX), Ok(()));
        let longer = Body::text("é".repeat(TEXT_CHARS_MAX + 1));
        assert_eq!(longer.validate(TEXT_CHARS_MAX).map_err(|f| f.code), Err(Code::TooLarge));
    }

    #[test]
    fn empty_is_refused() {
        assert_eq!(Body::default().validate(10).map_err(|f| f.code), Err(Code::BadRequest));
    }

    #[test]
    fn only_fetchable_addresses_pass() {
        let body = |url: &str| Body {
            attachments: vec![Attachment { url: url.into(), ..Attachment::default() }],
            ..Body::default()
        };
        for url in ["https://example.org/a.png", "/media/1", "http://x/y"] {
            assert_eq!(body(url).validate(10), Ok(()), "{url}");
        }
        for url in
            ["javascript:alert(1)", "data:text/html,x", "//evil.example", "", r"/\evil.example"]
        {
            assert!(body(url).validate(10).is_err(), "{url}");
        }
    }
}
