//! The one set of rules for every name that people see.
//!
//! A [`Name`] names an account or a guest: it is unique under everything that makes two names look the
//! same: Unicode normalisation and case (NFKC, full case folding), and confusable characters (the
//! skeletons of Unicode TS 39, section 4), so that `paypa1` is taken where `PayPal` is. The folded name
//! is the user's id, which is why a name never changes. A [`ShownName`] (display names, nicknames of
//! the lobby) and the names and topics of rooms are freer, and held to the same rules about what hides,
//! looks alike or is reserved.

mod shown;

use caseless::default_case_fold_str;
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::{
    GeneralSecurityProfile as _, RestrictionLevel, RestrictionLevelDetection as _,
    confusable_detection::skeleton,
};

pub use self::shown::{ShownName, room_name, room_topic};
use crate::{Code, Fault, UserId, limits};

/// Characters of a name.
const CHARS_MIN: usize = 2;
const CHARS_MAX: usize = 32;

/// What guests' ids begin with. No account is called like that.
pub const GUEST_PREFIX: &str = "guest-";

/// Nobody is called like a part of the machine, or like somebody with authority.
const RESERVED: [&str; 32] = [
    "abuse",
    "admin",
    "administrator",
    "all",
    "anonymous",
    "api",
    "bot",
    "channel",
    "everyone",
    "guest",
    "help",
    "here",
    "host",
    "hubbub",
    "me",
    "mod",
    "moderator",
    "nobody",
    "null",
    "official",
    "operator",
    "owner",
    "postmaster",
    "root",
    "security",
    "server",
    "staff",
    "support",
    "system",
    "undefined",
    "webmaster",
    "www",
];

/// A name that may be given to somebody, if it is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As it was typed, normalised.
    pub shown: String,
    /// Case folded.
    pub folded: String,
    /// What all names that look the same have in common.
    pub skeleton: String,
}

/// What the machine itself is called: the sender of notices, and the product.
const MACHINE: [&str; 2] = ["system", "hubbub"];

/// Which names nobody gets, as skeletons of their letters and digits alone.
#[derive(Clone, Debug)]
pub struct Reserved(Vec<String>);

impl Reserved {
    /// Those that are reserved always, and some more.
    pub fn new(more: &[String]) -> Self {
        let all = RESERVED.iter().copied().chain(more.iter().map(String::as_str));
        Self::of(all)
    }

    /// What not even a room is called.
    fn machine() -> Self {
        Self::of(MACHINE.into_iter())
    }

    fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self(names.map(|name| bare(&look(&fold(name)))).collect())
    }

    /// Whether a name with this skeleton is reserved, or looks like the name of a guest.
    pub fn holds(&self, skeleton: &str) -> bool {
        skeleton.starts_with(&look(GUEST_PREFIX)) || self.holds_word(skeleton)
    }

    /// Signs, spaces and emoji around or within a reserved name do not make it another.
    fn holds_word(&self, skeleton: &str) -> bool {
        self.0.contains(&bare(skeleton))
    }
}

impl Name {
    /// Judges a name as it was typed.
    pub fn parse(text: &str, reserved: &Reserved) -> Result<Self, Fault> {
        let name = Self::read(text)?;
        if reserved.holds(&name.skeleton) {
            return Err(Fault::new(Code::Conflict, "name is reserved"));
        }
        Ok(name)
    }

    /// Judges everything but whether it is reserved.
    fn read(text: &str) -> Result<Self, Fault> {
        if text.is_empty() {
            return Err(Fault::bad_request("name is empty"));
        }
        // Bounded before any work is done on it; normalisation makes it 18 times as long at the most.
        if text.len() > 4 * CHARS_MAX {
            return Err(too_long());
        }
        let shown: String = text.nfkc().collect();
        let count = shown.chars().count();
        if count > CHARS_MAX {
            return Err(too_long());
        }
        if let Some(character) = shown.chars().find(|c| !allowed(*c)) {
            let text = if character.is_control() {
                "name has a control character".to_owned()
            } else {
                format!("name has a character that names cannot have (U+{:04X})", character as u32)
            };
            return Err(Fault::bad_request(text));
        }
        if !shown.starts_with(char::is_alphanumeric) || !shown.ends_with(ends_well) {
            return Err(Fault::bad_request("name does not begin and end with a letter or a digit"));
        }
        if count < CHARS_MIN {
            return Err(Fault::bad_request(format!("name has fewer than {CHARS_MIN} characters")));
        }
        // Latin beside Cyrillic or Greek is how names are forged.
        if !shown.as_str().check_restriction_level(RestrictionLevel::HighlyRestrictive) {
            return Err(Fault::bad_request("name mixes scripts that look alike"));
        }
        let folded = fold(&shown);
        if folded.len() > limits::USER_ID_BYTES_MAX {
            return Err(too_long());
        }
        let skeleton = look(&folded);
        Ok(Self { shown, folded, skeleton })
    }

    /// The id of the account with this name.
    pub fn user(&self) -> Result<UserId, Fault> {
        UserId::parse(&self.folded)
    }
}

/// What an account's name is looked up by, whoever types it how.
pub fn fold(text: &str) -> String {
    let folded: String = default_case_fold_str(&text.nfkc().collect::<String>());
    folded.nfkc().collect()
}

/// What all texts that look like `folded` have in common.
pub fn look(folded: &str) -> String {
    // A skeleton may hold capitals that look like small letters: folded once more.
    default_case_fold_str(&skeleton(folded).collect::<String>())
}

/// The letters and digits of a skeleton. Cyrillic letters like `т` and `м` have small capitals as
/// their skeleton; here these are the letters that they are read as.
fn bare(skeleton: &str) -> String {
    let letters = skeleton.chars().filter(|c| c.is_alphanumeric());
    let read = letters.map(|c| match c {
        'ʙ' => 'b',
        'ʜ' => 'h',
        'ᴋ' => 'k',
        'ᴍ' | 'ʍ' => 'm',
        'ɴ' => 'n',
        'ᴛ' => 't',
        other => other,
    });
    // `m` itself has the skeleton `rn`.
    look(&read.collect::<String>())
}

fn too_long() -> Fault {
    Fault::bad_request(format!("name has more than {CHARS_MAX} characters"))
}

/// Letters and digits that Unicode allows in identifiers, and three signs between them.
fn allowed(c: char) -> bool {
    matches!(c, '-' | '_' | '.') || (!c.is_ascii_punctuation() && c.identifier_allowed())
}

/// A mark may follow a letter (as in Devanagari); a sign may not end a name.
fn ends_well(c: char) -> bool {
    !matches!(c, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Name, Reserved, fold};
    use crate::{Code, Fault};

    fn parse(text: &str) -> Result<Name, Fault> {
        Name::parse(text, &Reserved::new(&["acme".to_owned()]))
    }

    #[test]
    fn the_same_name_however_it_is_typed() {
        for [one, other] in
            [["Alice", "ALICE"], ["Straße", "STRASSE"], ["Ｂｏｂ", "bob"], ["e\u{301}va", "Éva"]]
        {
            assert_eq!(parse(one).unwrap().folded, parse(other).unwrap().folded, "{one} {other}");
        }
    }

    #[test]
    fn look_alikes_have_one_skeleton() {
        for [one, other] in [["paypal", "PayPa1"], ["rnike", "mike"], ["bob0", "bobo"]] {
            assert_eq!(parse(one).unwrap().skeleton, parse(other).unwrap().skeleton, "{one}");
        }
        // All Cyrillic, and all Latin.
        assert_eq!(parse("аѕсо").unwrap().skeleton, parse("asco").unwrap().skeleton);
        assert_ne!(parse("alice").unwrap().skeleton, parse("bob").unwrap().skeleton);
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        let long = "x".repeat(33);
        for (text, words) in [
            ("", "empty"),
            ("a", "fewer than 2"),
            (long.as_str(), "more than 32"),
            (&"x".repeat(100_000), "more than 32"),
            ("al\u{0}ice", "control character"),
            ("al ice", "U+0020"),
            ("al\u{202e}ice", "U+202E"),
            ("al\u{200b}ice", "U+200B"),
            ("alice😀", "U+1F600"),
            ("al/ice", "U+002F"),
            ("-alice", "begin and end"),
            ("alice.", "begin and end"),
            ("аlice", "mixes scripts"),
        ] {
            let fault = parse(text).expect_err(text);
            assert_eq!(fault.code, Code::BadRequest, "{text}");
            assert!(fault.message.contains(words), "{text}: {fault}");
        }
    }

    #[test]
    fn nobody_is_called_like_the_machine_or_looks_like_it() {
        for text in ["system", "SYSTEM", "sуsтем", "adrnin", "Root", "guest-1", "Acme", "sys.tem"]
        {
            let fault = parse(text).expect_err(text);
            assert!(matches!(fault.code, Code::Conflict | Code::BadRequest), "{text}: {fault}");
        }
        assert_eq!(parse("system").unwrap_err().code, Code::Conflict);
        assert_eq!(parse("acme").unwrap_err().code, Code::Conflict);
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing_and_a_name_is_a_user_id(text in "\\PC{0,40}") {
            if let Ok(name) = parse(&text) {
                prop_assert_eq!(&fold(&name.folded), &name.folded);
                prop_assert_eq!(parse(&name.folded).map(|name| name.folded), Ok(name.folded.clone()));
                prop_assert!(name.user().is_ok());
            }
        }
    }
}
