//! What can go wrong for a caller, in the words every door shares.
//!
//! A service has its own error types; where they leave the service they become a `Fault`. The code
//! says whose fault it is and whether trying again can help; the message is written for the person
//! who reads it and never holds a secret or the text of a message.

use std::{borrow::Cow, fmt, time::Duration};

/// The kind of a refusal: stable, spelled the same in JSON, in gRPC details and in metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request itself is wrong; the message names the field.
    BadRequest,
    /// No token, or one that does not hold.
    Unauthenticated,
    /// The caller is known and may not do this.
    Forbidden,
    /// The user is banned: no login, token or connection of theirs is accepted.
    Banned,
    /// Absent, or not the caller's to see: the two look alike on purpose.
    NotFound,
    /// The state does not allow it (already there, read-only, dissolved).
    Conflict,
    /// Larger than a limit on size.
    TooLarge,
    /// One more than a limit on numbers (members, rooms, reactions).
    LimitReached,
    /// Too fast; come back after the given time.
    RateLimited,
    /// A part of the cluster does not answer or is full; the same request may succeed later.
    Unavailable,
    /// A defect of ours.
    Internal,
}

impl Code {
    /// Every code, for tables in docs and tests.
    pub const ALL: [Self; 11] = [
        Self::BadRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::Banned,
        Self::NotFound,
        Self::Conflict,
        Self::TooLarge,
        Self::LimitReached,
        Self::RateLimited,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The spelling clients see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::Banned => "banned",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::LimitReached => "limit_reached",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The code spelled `text`, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// Whether the same request may succeed when it is sent again.
    pub const fn retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal: what a client is told when a request is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    pub code: Code,
    /// Names what was wrong, in a sentence without a full stop.
    pub message: Cow<'static, str>,
    /// When to come back, if the refusing side knows.
    pub retry_after: Option<Duration>,
}

impl Fault {
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Unavailable, message)
    }

    /// The one answer for a room that is absent and for one that is not the caller's to see.
    pub fn no_such_room() -> Self {
        Self::new(Code::NotFound, "no such room, or you are not a member of it")
    }

    /// The one answer to a banned user, at every door.
    pub fn banned() -> Self {
        Self::new(Code::Banned, "this user is banned")
    }

    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn every_code_parses_back() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(code));
        }
        assert_eq!(Code::parse("teapot"), None);
    }
}
