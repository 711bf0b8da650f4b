//! The bounds that hold everywhere, whatever the configuration says. Settable limits have their
//! defaults in the services' configuration; what stands here is the most that any of them allows.

/// Characters (Unicode scalar values) in a message's text. At the bound: `too_large`.
pub const TEXT_CHARS_MAX: usize = 4_000;
/// Attachments of one message. At the bound: `limit_reached`.
pub const ATTACHMENTS_MAX: usize = 10;
/// People mentioned in one message. At the bound: `limit_reached`.
pub const MENTIONS_MAX: usize = 50;
/// Bytes of a user id. At the bound: `bad_request`.
pub const USER_ID_BYTES_MAX: usize = 128;
/// Bytes of a sender's own id for a message. At the bound: `bad_request`.
pub const CLIENT_ID_BYTES_MAX: usize = 64;
/// Bytes of an attachment's address. At the bound: `too_large`.
pub const ATTACHMENT_URL_BYTES_MAX: usize = 2_048;
/// Bytes of an attachment's file name or content type. At the bound: `too_large`.
pub const ATTACHMENT_NAME_BYTES_MAX: usize = 255;
/// Pixels of an attachment's width or height. At the bound: `bad_request`.
pub const ATTACHMENT_PIXELS_MAX: u32 = 100_000;
/// Bytes of an attachment's preview: a ThumbHash has at most 25, which are 36 in base64. At the bound:
/// `too_large`.
pub const ATTACHMENT_PREVIEW_BYTES_MAX: usize = 64;
/// Bytes of one reaction (an emoji sequence). At the bound: `bad_request`.
pub const EMOJI_BYTES_MAX: usize = 64;
/// Characters of a room's name. At the bound: `too_large`.
pub const ROOM_NAME_CHARS_MAX: usize = 128;
/// Characters of a room's topic. At the bound: `too_large`.
pub const ROOM_TOPIC_CHARS_MAX: usize = 512;
/// Messages in a page when the caller names no number.
pub const PAGE_DEFAULT: u32 = 30;
/// Messages in a page at the most; a larger wish is a `bad_request`.
pub const PAGE_MAX: u32 = 100;
