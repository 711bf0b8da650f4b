//! Who a guest is: a nickname that is theirs alone in the whole cluster, and a colour.

use std::{fmt, sync::Arc};

use hubbub_domain::{Code, Fault};
use serde::Serialize;

/// Characters of a nickname. Over it: `too_large`.
const NICKNAME_CHARS_MAX: usize = 32;
/// Bytes of the name of a lobby's room. Over it: `too_large`.
const ROOM_BYTES_MAX: usize = 128;
/// What the lobby calls itself.
const RESERVED: &str = "system";

/// A nickname as it is shown. Two that differ only in case are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nickname(Arc<str>);

impl Nickname {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Fault::bad_request("the nickname is empty"));
        }
        if text.chars().count() > NICKNAME_CHARS_MAX {
            let range = format!("the nickname has more than {NICKNAME_CHARS_MAX} characters");
            return Err(Fault::new(Code::TooLarge, range));
        }
        if text.chars().any(char::is_control) {
            return Err(Fault::bad_request("the nickname has a control character"));
        }
        Ok(Self(text.into()))
    }

    /// A name for somebody who has none yet.
    pub fn of_guest(number: u32) -> Self {
        Self(format!("guest-{number:06}").into())
    }

    /// What makes two nicknames the same.
    pub fn folded(&self) -> String {
        self.0.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
    }

    /// Nobody may have it.
    pub fn is_reserved(&self) -> bool {
        self.folded() == RESERVED
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Nickname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a room of the lobby, as guests agree on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoomName(Arc<str>);

impl RoomName {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > ROOM_BYTES_MAX {
            let range = format!("the room's name has more than {ROOM_BYTES_MAX} bytes");
            return Err(Fault::new(Code::TooLarge, range));
        }
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(Fault::bad_request("the room's name is empty or has a control character"));
        }
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A guest, as `initUser` tells them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Guest {
    #[serde(serialize_with = "shown")]
    pub name: Nickname,
    /// `#rrggbb`.
    pub color: String,
}

fn shown<S: serde::Serializer>(name: &Nickname, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name.as_str())
}

impl Guest {
    /// A readable colour for a number: the hue varies, light and strength do not.
    pub fn color(number: u32) -> String {
        let hue = number % 360;
        let ramp = |shift: u32| {
            // A triangle wave over the circle of hues, between 40 and 180.
            let at = (hue + shift) % 360;
            let height = if at < 180 { at } else { 360 - at };
            40 + height * 140 / 180
        };
        format!("#{:02x}{:02x}{:02x}", ramp(0), ramp(120), ramp(240))
    }
}

#[cfg(test)]
mod tests {
    use super::{Guest, Nickname, RoomName};

    #[test]
    fn nicknames_are_compared_without_case() {
        let name = |text| Nickname::parse(text).expect("valid");
        assert_eq!(name(" Ünal ").folded(), name("üNAL").folded());
        assert_eq!(name("Straße").folded(), name("STRASSE").folded());
        assert!(name("System").is_reserved());
        assert!(!name("systems").is_reserved());
    }

    #[test]
    fn names_are_bounded() {
        assert!(Nickname::parse(&"x".repeat(32)).is_ok());
        assert!(Nickname::parse(&"x".repeat(33)).is_err());
        assert!(Nickname::parse("a\u{7}").is_err());
        assert!(RoomName::parse(&"x".repeat(129)).is_err());
        assert!(RoomName::parse("").is_err());
    }

    #[test]
    fn colours_are_colours() {
        for number in (0..1_000).step_by(7) {
            let color = Guest::color(number);
            assert!(color.len() == 7 && u32::from_str_radix(&color[1..], 16).is_ok(), "{color}");
        }
    }
}
