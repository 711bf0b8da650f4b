//! How somebody shows themselves: display name, colour, avatar; and what guests get by chance.

use hubbub_domain::{
    Code, Fault, Link, UserId,
    names::{Reserved, ShownName},
};
use rand::{RngExt as _, seq::IndexedRandom as _};

const DISPLAY_NAME_CHARS_MAX: usize = 64;
const AVATAR_URL_BYTES_MAX: usize = 2_048;

/// Readable on light and on dark ground.
const COLOURS: [&str; 16] = [
    "#c0392b", "#d35400", "#b9770e", "#7d8b0f", "#3f8f29", "#1e8449", "#148f77", "#0e8a9d",
    "#2471a3", "#2e5fb8", "#5b4fc4", "#7d3cbd", "#a130a8", "#b83280", "#a0526d", "#66727d",
];

const QUALITIES: [&str; 24] = [
    "amber", "brave", "calm", "clever", "dapper", "eager", "fleet", "gentle", "happy", "jolly",
    "kind", "lively", "lucky", "mellow", "merry", "nimble", "proud", "quick", "quiet", "sunny",
    "swift", "tidy", "vivid", "witty",
];
const ANIMALS: [&str; 24] = [
    "badger", "beaver", "bison", "crane", "dingo", "falcon", "ferret", "finch", "gecko", "heron",
    "ibis", "koala", "lemur", "lynx", "marten", "newt", "otter", "panda", "puffin", "raven",
    "stoat", "tapir", "walrus", "wombat",
];

/// A name to show, trimmed and normalised.
pub(crate) fn display_name(text: &str, reserved: &Reserved) -> Result<String, Fault> {
    let rules = (DISPLAY_NAME_CHARS_MAX, reserved);
    ShownName::parse_free("display_name", text, rules).map(|name| name.shown)
}

/// `#rrggbb`.
pub(crate) fn colour(text: &str) -> Result<String, Fault> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6);
    if digits.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Fault::bad_request("colour is not #rrggbb"))
}

/// Empty, or an https address without a user in it. Nobody here ever asks for it.
pub(crate) fn avatar_url(text: &str) -> Result<String, Fault> {
    if text.is_empty() {
        return Ok(String::new());
    }
    if text.len() > AVATAR_URL_BYTES_MAX {
        let text = format!("avatar_url has more than {AVATAR_URL_BYTES_MAX} bytes");
        return Err(Fault::new(Code::TooLarge, text));
    }
    if Link::parse(text) == Some(Link::Https) {
        Ok(text.to_owned())
    } else {
        Err(Fault::bad_request("avatar_url is not an https address"))
    }
}

/// The colour somebody has until they choose another: always the same for the same id.
pub(crate) fn colour_of(user: &UserId) -> String {
    let sum = user
        .as_str()
        .bytes()
        .fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    COLOURS[sum % COLOURS.len()].to_owned()
}

pub(crate) fn random_colour() -> String {
    (*COLOURS.choose(&mut rand::rng()).expect("there are some")).to_owned()
}

/// `witty-otter-417`: one of some 500,000.
pub(crate) fn random_nickname() -> String {
    let mut chance = rand::rng();
    let quality = QUALITIES.choose(&mut chance).expect("there are some");
    let animal = ANIMALS.choose(&mut chance).expect("there are some");
    format!("{quality}-{animal}-{}", chance.random_range(100..1_000))
}

/// The display name that another issuer claims, else the user's id, else a name of our own: the first
/// that keeps the rules.
pub(crate) fn claimed_display_name(claim: &str, user: &UserId, reserved: &Reserved) -> String {
    let id: String = user.as_str().chars().take(DISPLAY_NAME_CHARS_MAX).collect();
    display_name(claim, reserved)
        .or_else(|_| display_name(&id, reserved))
        .unwrap_or_else(|_| random_nickname())
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{
        UserId,
        names::{Name, Reserved},
    };

    use super::{avatar_url, claimed_display_name, colour, display_name, random_nickname};

    #[test]
    fn what_a_profile_takes_and_refuses() {
        let reserved = Reserved::new(&["acme".to_owned()]);
        let display_name = |text| display_name(text, &reserved);
        assert_eq!(display_name(" Ada L. 👩‍💻 ").unwrap(), "Ada L. 👩‍💻");
        for text in ["", "\u{3164}", "a\nb", "a\u{202e}b", &"x".repeat(65), "System", "ACME!"] {
            assert!(display_name(text).is_err(), "{text:?}");
        }
        assert_eq!(colour("#A0b1C2").unwrap(), "#a0b1c2");
        for text in ["", "red", "#12345", "#1234567", "#12345g", "#１23456"] {
            assert!(colour(text).is_err(), "{text:?}");
        }
        assert_eq!(avatar_url("").unwrap(), "");
        assert!(avatar_url("https://example.org/a.png?s=80").is_ok());
        for text in [
            "http://example.org/a.png",
            "javascript:alert(1)",
            "https://",
            "https://user:pw@example.org/",
            "//example.org/a.png",
            "data:image/png;base64,AA",
            "https://example.org/a b",
            r"/\evil.example",
            r"https://good.example\@evil.example/a.png",
            "https:///evil.example/a.png",
            "https://example.org/a\u{85}b",
        ] {
            assert!(avatar_url(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_another_issuer_claims_is_held_to_the_same_rules() {
        let claimed = |claim: &str, id: &str| {
            claimed_display_name(claim, &UserId::parse(id).expect("valid"), &Reserved::new(&[]))
        };
        assert_eq!(claimed("Ada", "ada@example.org"), "Ada");
        assert_eq!(claimed("system", "ada@example.org"), "ada@example.org");
        assert!(!claimed("\u{202e}", "system").contains("system"));
    }

    #[test]
    fn chance_gives_good_names() {
        let reserved = Reserved::new(&[]);
        for _ in 0..200 {
            let nickname = random_nickname();
            assert!(Name::parse(&nickname, &reserved).is_ok(), "{nickname}");
        }
    }
}
