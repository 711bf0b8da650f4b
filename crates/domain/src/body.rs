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
    /// Pixels of a picture or video, as the sender says: clients reserve its place before it comes.
    /// Both or neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// A ThumbHash in base64: what a picture looks like from afar.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub preview: String,
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
        self.check(&Self::default(), text_chars_max)
    }

    /// Checks an edit of a message that said `before`. What it keeps was valid when it was sent, also
    /// where a limit is lower, or a rule stricter, by now.
    pub fn validate_edit(&self, before: &Self, text_chars_max: usize) -> Result<(), Fault> {
        self.check(before, text_chars_max.max(before.text.chars().count()))
    }

    /// The mentions that an edit adds to a message that said `before`.
    pub fn mentions_beyond(&self, before: &Self) -> Vec<UserId> {
        self.mentions.iter().filter(|user| !before.mentions.contains(user)).cloned().collect()
    }

    fn check(&self, before: &Self, text_chars_max: usize) -> Result<(), Fault> {
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
        let counted = [
            (
                "attachments",
                self.attachments.len(),
                limits::ATTACHMENTS_MAX,
                before.attachments.len(),
            ),
            ("mentions", self.mentions.len(), limits::MENTIONS_MAX, before.mentions.len()),
        ];
        for (field, count, count_max, count_before) in counted {
            if count > count_max.max(count_before) {
                let text = format!("more than {count_max} {field}");
                return Err(Fault::new(Code::LimitReached, text));
            }
        }
        if self.reply_to == Some(Seq::ZERO) {
            return Err(Fault::bad_request("reply_to is 0; the first message is 1"));
        }
        let mut new = self.attachments.iter().filter(|it| !before.attachments.contains(it));
        new.try_for_each(Attachment::validate)
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
        self.validate_picture()
    }

    fn validate_picture(&self) -> Result<(), Fault> {
        let pixels = 1..=limits::ATTACHMENT_PIXELS_MAX;
        for (what, size) in [("width", self.width), ("height", self.height)] {
            if size.is_some_and(|size| !pixels.contains(&size)) {
                let text = format!("attachment {what} must be between 1 and {}", pixels.end());
                return Err(Fault::bad_request(text));
            }
        }
        if self.width.is_some() != self.height.is_some() {
            return Err(Fault::bad_request("attachment has one of width and height; give both"));
        }
        if self.preview.len() > limits::ATTACHMENT_PREVIEW_BYTES_MAX {
            return Err(Fault::new(
                Code::TooLarge,
                format!(
                    "attachment preview has more than {} bytes",
                    limits::ATTACHMENT_PREVIEW_BYTES_MAX
                ),
            ));
        }
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte);
        if !self.preview.bytes().all(is_base64) {
            return Err(Fault::bad_request("attachment preview is not base64"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Attachment, Body};
    use crate::{
        Code, UserId,
        limits::{ATTACHMENTS_MAX, MENTIONS_MAX, TEXT_CHARS_MAX},
    };

    #[test]
    fn counts_characters_not_bytes() {
        let longest = Body::text("é".repeat(TEXT_CHARS_MAX));
        assert_eq!(longest.validate(TEXT_CHARS_MAX), Ok(()));
        let longer = Body::text("é".repeat(TEXT_CHARS_MAX + 1));
        assert_eq!(longer.validate(TEXT_CHARS_MAX).map_err(|f| f.code), Err(Code::TooLarge));
    }

    #[test]
    fn an_edit_may_keep_what_was_valid_when_it_was_sent() {
        let attachment = |url: &str| Attachment { url: url.into(), ..Attachment::default() };
        let user = |n: usize| UserId::parse(&format!("user-{n}")).expect("valid");
        // Sent under rules that were more generous.
        let before = Body {
            text: "x".repeat(20),
            attachments: vec![attachment("ftp://old.example/a"); ATTACHMENTS_MAX + 1],
            mentions: (0..=MENTIONS_MAX).map(user).collect(),
            reply_to: None,
        };
        assert!(before.validate(10).is_err());
        assert_eq!(before.validate_edit(&before, 10), Ok(()));
        let mut edited = before.clone();
        edited.text = "y".repeat(20);
        edited.attachments.pop();
        assert_eq!(edited.validate_edit(&before, 10), Ok(()));
        edited.attachments.push(attachment("ftp://new.example/a"));
        assert_eq!(edited.validate_edit(&before, 10).map_err(|f| f.code), Err(Code::BadRequest));
        let longer = Body { text: "x".repeat(21), ..before.clone() };
        assert_eq!(longer.validate_edit(&before, 10).map_err(|f| f.code), Err(Code::TooLarge));
        let mut wider = before.clone();
        wider.mentions.push(user(999));
        assert_eq!(wider.validate_edit(&before, 10).map_err(|f| f.code), Err(Code::LimitReached));
        assert_eq!(wider.mentions_beyond(&before), [user(999)]);
    }

    #[test]
    fn empty_is_refused() {
        assert_eq!(Body::default().validate(10).map_err(|f| f.code), Err(Code::BadRequest));
    }

    #[test]
    fn a_picture_has_two_sides_and_a_short_preview() {
        let body = |width, height, preview: &str| Body {
            attachments: vec![Attachment {
                url: "/media/1".into(),
                width,
                height,
                preview: preview.into(),
                ..Attachment::default()
            }],
            ..Body::default()
        };
        let refused = |body: Body| body.validate(10).map_err(|fault| fault.message.to_string());
        let thumbhash = "1QcSHQRnh493V4dIh4eXh1h4kJUI";
        assert_eq!(body(Some(640), Some(480), thumbhash).validate(10), Ok(()));
        assert_eq!(body(None, None, "").validate(10), Ok(()));
        for (wrong, named) in [
            (body(Some(640), None, ""), "width and height"),
            (body(Some(0), Some(480), ""), "width"),
            (body(Some(640), Some(100_001), ""), "height"),
            (body(None, None, "<svg>"), "base64"),
            (body(None, None, &"A".repeat(65)), "64 bytes"),
        ] {
            let message = refused(wrong).expect_err(named);
            assert!(message.contains(named), "{message}");
        }
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
