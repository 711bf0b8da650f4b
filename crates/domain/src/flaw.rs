//! What is wrong with a value that a client sent, without the name of the field that held it: a type that several
//! fields share (a user may be a `peer`, a `user` or one of `mentions`) does not know that name. The reader of the
//! document knows it and puts it in front.

use std::{borrow::Cow, fmt};

/// A predicate such as "must be a UUID".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw(Cow<'static, str>);

impl Flaw {
    /// Stands in front of a predicate inside a deserializer's error, so that the reader can tell our own
    /// predicates from a library's phrases, which no client is shown.
    pub const MARK: &'static str = "flaw: ";

    pub fn new(predicate: impl Into<Cow<'static, str>>) -> Self {
        Self(predicate.into())
    }

    /// The predicate, to be put behind the name of a field.
    pub fn predicate(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::MARK, self.0)
    }
}

impl std::error::Error for Flaw {}
