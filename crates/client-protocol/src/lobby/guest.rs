//! Who a guest is: a nickname that is theirs alone in the whole cluster, and a colour.

use std::{fmt, sync::Arc};

use hubbub_domain::{
    Code, Fault,
    names::{Reserved, ShownName},
};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::unicode::REPLACEMENT;

/// Characters of a nickname. Over it: `too_large`.
const NICKNAME_CHARS_MAX: usize = 32;
/// Bytes of the name of a lobby's room. Over it: `too_large`.
const ROOM_BYTES_MAX: usize = 128;
/// A nickname as it is shown. Two that look the same are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nickname {
    shown: Arc<str>,
    skeleton: Arc<str>,
}

/// A text to those who read it.
impl PartialSchema for Nickname {
    fn schema() -> RefOr<Schema> {
        String::schema()
    }
}

impl ToSchema for Nickname {}

impl Nickname {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.contains(REPLACEMENT) {
            return Err(Fault::bad_request("nickname is not valid Unicode"));
        }
        let name = ShownName::parse("nickname", text, NICKNAME_CHARS_MAX)?;
        Ok(Self { shown: name.shown.into(), skeleton: name.skeleton.into() })
    }

    /// A name for somebody who has none yet.
    pub fn of_guest(number: u32) -> Self {
        Self::parse(&format!("guest-{number:06}")).expect("letters and digits")
    }

    /// What makes two nicknames the same.
    pub fn folded(&self) -> String {
        self.skeleton.to_string()
    }

    /// Whether nobody may choose it: a name of the machine or its staff, or one that is given out.
    pub fn is_reserved(&self) -> bool {
        Reserved::new(&[]).holds(&self.skeleton)
    }

    pub fn as_str(&self) -> &str {
        &self.shown
    }
}

impl fmt::Display for Nickname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// The name of a room of the lobby, as guests agree on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, ToSchema)]
#[schema(as = lobby::RoomName, value_type = String)]
pub struct RoomName(Arc<str>);

impl RoomName {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > ROOM_BYTES_MAX {
            let range = format!("the room's name has more than {ROOM_BYTES_MAX} bytes");
            return Err(Fault::new(Code::TooLarge, range));
        }
        if text.contains(REPLACEMENT) {
            return Err(Fault::bad_request("the room's name is not valid Unicode"));
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = lobby::Guest)]
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
        assert!(!name("systems").is_reserved());
    }

    #[test]
    fn nicknames_keep_the_rules_of_all_names() {
        let name = |text| Nickname::parse(text).expect("valid");
        for (one, other) in
            [("PayPal", "paypa1"), ("bob", "ｂｏｂ"), ("rnike", "mike"), ("asco", "аѕсо")]
        {
            assert_eq!(name(one).folded(), name(other).folded(), "{one} {other}");
        }
        for reserved in ["System", "ｓｙｓｔｅｍ", "s y s t e m", "admin", "guest-000007"] {
            assert!(name(reserved).is_reserved(), "{reserved}");
        }
        for refused in ["", "a\u{202e}b", "a\u{200b}", "\u{3164}", "аlice", "a\nb"] {
            assert!(Nickname::parse(refused).is_err(), "{refused:?}");
        }
        assert_ne!(Nickname::of_guest(1).folded(), Nickname::of_guest(10).folded());
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
