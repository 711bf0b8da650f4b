//! Typed ids. Each is checked when it is parsed, so that a room cannot be passed for a message and
//! nothing unbounded or unprintable travels further than the edge.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Fault, Flaw, limits};

/// The refusal of a value that stands alone, under the name its type has.
fn of_field(name: &str, flaw: &Flaw) -> Fault {
    Fault::bad_request(format!("{name} {}", flaw.predicate()))
}

/// Stands where a character could not be read (the SUBSTITUTE of ISO 646). No identifier holds it.
pub const SUBSTITUTE: char = '\u{1a}';

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// A new id; ids made later sort later (UUID version 7, RFC 9562 section 5.7).
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = Fault;

            fn from_str(text: &str) -> Result<Self, Fault> {
                Self::read(text).map_err(|flaw| of_field($what, &flaw))
            }
        }

        impl $name {
            fn read(text: &str) -> Result<Self, Flaw> {
                Uuid::try_parse(text).map(Self).map_err(|_| Flaw::new("must be a UUID"))
            }
        }

        impl TryFrom<String> for $name {
            type Error = Flaw;

            fn try_from(text: String) -> Result<Self, Flaw> {
                Self::read(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

uuid_id! {
    /// A conversation room.
    RoomId, "room"
}
uuid_id! {
    /// A message, whatever becomes of its text.
    MessageId, "message_id"
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Refuses an empty id, one over the bound, and control characters.
            pub fn parse(text: &str) -> Result<Self, Fault> {
                Self::read(text).map_err(|flaw| of_field($what, &flaw))
            }

            fn read(text: &str) -> Result<Self, Flaw> {
                if text.is_empty() {
                    return Err(Flaw::new("must not be empty"));
                }
                if text.len() > $max {
                    return Err(Flaw::new(format!("must have at most {} bytes", $max)));
                }
                if text.contains(SUBSTITUTE) {
                    return Err(Flaw::new("must be valid Unicode"));
                }
                if text.chars().any(char::is_control) {
                    return Err(Flaw::new("must not have control characters"));
                }
                Ok(Self(text.into()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Fault;

            fn from_str(text: &str) -> Result<Self, Fault> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Flaw;

            fn try_from(text: String) -> Result<Self, Flaw> {
                Self::read(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A person, as the token's `sub` names them.
    UserId, "user", limits::USER_ID_BYTES_MAX
}
text_id! {
    /// The sender's own id for a message: what makes a retry the same message.
    ClientId, "client_id", limits::CLIENT_ID_BYTES_MAX
}

impl UserId {
    /// Who speaks when a room tells what happened to it. Nobody can log in by this name.
    pub const SYSTEM: &'static str = "system";
}

#[cfg(test)]
mod tests {
    use super::{ClientId, RoomId, UserId};

    #[test]
    fn refusals_name_the_field() {
        let message = |fault: crate::Fault| fault.message.into_owned();
        assert_eq!(message("7".parse::<RoomId>().unwrap_err()), "room must be a UUID");
        assert_eq!(message(UserId::parse("").unwrap_err()), "user must not be empty");
        let control = UserId::parse("a\nb").unwrap_err();
        assert_eq!(message(control), "user must not have control characters");
        let long = "x".repeat(65);
        assert_eq!(
            message(ClientId::parse(&long).unwrap_err()),
            "client_id must have at most 64 bytes"
        );
    }
}
