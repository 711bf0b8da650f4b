//! Names that people read but that identify no account: display names, nicknames of the lobby, names
//! and topics of rooms. They may have spaces and emoji; nothing in them may hide, turn the text around
//! it, or pass for the machine or its staff.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};
use unicode_security::{MixedScript as _, RestrictionLevel, RestrictionLevelDetection as _};

use super::{Reserved, fold, look};
use crate::{Code, Fault};

/// A name that is shown beside what its bearer does: normalised (NFKC) and trimmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownName {
    pub shown: String,
    /// What all names that look the same have in common.
    pub skeleton: String,
}

impl ShownName {
    /// Judges everything but whether the name is reserved; `field` names it in the refusal.
    pub fn parse(field: &'static str, text: &str, chars_max: usize) -> Result<Self, Fault> {
        let too_long =
            || Fault::new(Code::TooLarge, format!("{field} has more than {chars_max} characters"));
        let text = text.trim();
        // Bounded before it is normalised, which makes it 18 times as long at the most.
        if text.len() > 4 * chars_max {
            return Err(too_long());
        }
        let shown: String = text.nfkc().collect();
        let shown = shown.trim();
        if shown.is_empty() {
            return Err(Fault::bad_request(format!("{field} is empty")));
        }
        if shown.chars().count() > chars_max {
            return Err(too_long());
        }
        check_visible(field, shown)?;
        let mut words = shown.split(|c: char| !c.is_alphanumeric());
        if words.any(mixes_scripts) {
            return Err(Fault::bad_request(format!("{field} mixes scripts that look alike")));
        }
        Ok(Self { shown: shown.to_owned(), skeleton: look(&fold(shown)) })
    }

    /// Refuses a reserved name too.
    pub fn parse_free(
        field: &'static str,
        text: &str,
        (chars_max, reserved): (usize, &Reserved),
    ) -> Result<Self, Fault> {
        let name = Self::parse(field, text, chars_max)?;
        if reserved.holds(&name.skeleton) {
            return Err(Fault::new(Code::Conflict, format!("{field} is reserved")));
        }
        Ok(name)
    }
}

/// The name of a room, trimmed. Rooms may be called what people may not (`Support`), but not like the
/// machine that speaks in them.
pub fn room_name(text: &str, chars_max: usize) -> Result<String, Fault> {
    let name = text.trim();
    if name.is_empty() {
        return Err(Fault::bad_request("name is empty"));
    }
    check_length("name", name, chars_max)?;
    check_visible("name", name)?;
    if Reserved::machine().holds_word(&look(&fold(name))) {
        return Err(Fault::new(Code::Conflict, "name is reserved"));
    }
    Ok(name.to_owned())
}

/// The topic of a room: it may be empty, and have several lines.
pub fn room_topic(text: &str, chars_max: usize) -> Result<String, Fault> {
    check_length("topic", text, chars_max)?;
    if !text.is_empty() {
        check_visible("topic", &text.replace('\n', " "))?;
    }
    Ok(text.to_owned())
}

fn check_length(field: &'static str, text: &str, chars_max: usize) -> Result<(), Fault> {
    if text.len() > chars_max && text.chars().count() > chars_max {
        let text = format!("{field} has more than {chars_max} characters");
        return Err(Fault::new(Code::TooLarge, text));
    }
    Ok(())
}

/// Refuses control characters, characters that hide, and text of which nothing can be seen.
fn check_visible(field: &'static str, text: &str) -> Result<(), Fault> {
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(Fault::bad_request(format!("{field} has a control character")));
    }
    let mut before = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if hides(c) && !joins(before, c, characters.peek().copied()) {
            let code = c as u32;
            return Err(Fault::bad_request(format!(
                "{field} has an invisible character (U+{code:04X})"
            )));
        }
        before = Some(c);
    }
    if text.chars().all(is_blank) {
        return Err(Fault::bad_request(format!("{field} has nothing to see")));
    }
    Ok(())
}

/// Characters that are not drawn (Unicode's `Default_Ignorable_Code_Point`), those that turn the text
/// around them among them.
const fn hides(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character that is not drawn is needed where it stands: emoji and several scripts are
/// joined, and drawn in variants.
fn joins(before: Option<char>, c: char, after: Option<char>) -> bool {
    let Some(before) = before else { return false };
    let drawn = |c: char| !c.is_whitespace() && (!hides(c) || is_variant(c));
    match c {
        '\u{200c}' | '\u{200d}' => {
            let beyond_ascii = |c: char| !c.is_ascii() && drawn(c);
            beyond_ascii(before) && after.is_some_and(beyond_ascii)
        }
        // The flags of England, Scotland and Wales.
        '\u{e0020}'..='\u{e007f}' => matches!(before, '\u{1f3f4}' | '\u{e0020}'..='\u{e007e}'),
        c => is_variant(c) && !before.is_whitespace() && !hides(before),
    }
}

const fn is_variant(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}')
}

/// Spaces, marks without a letter, and characters that are drawn as nothing.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || hides(c)
        || is_combining_mark(c)
        || matches!(c, '\u{2800}' | '\u{1d159}' | '\u{fffc}')
}

/// Latin beside Cyrillic or Greek in one word is how names are forged. Japanese, Korean and Chinese are
/// written with several scripts.
fn mixes_scripts(word: &str) -> bool {
    !word.is_single_script() && !word.check_restriction_level(RestrictionLevel::HighlyRestrictive)
}

#[cfg(test)]
mod tests {
    use super::{ShownName, room_name, room_topic};
    use crate::{Code, names::Reserved};

    fn parse(text: &str) -> Result<String, Code> {
        ShownName::parse_free("display_name", text, (64, &Reserved::new(&[])))
            .map(|name| name.shown)
            .map_err(|fault| fault.code)
    }

    #[test]
    fn names_of_many_peoples_pass() {
        for text in [
            "Ada L. 👩‍💻",
            "Иван Smith",
            "李小龍",
            "カタカナ と ひらがな",
            "José O'Neill-Ruiz",
            "נועה",
            "علی‌رضا",
            "क्षत्रिय",
            "🏴󠁧󠁢󠁥󠁮󠁧󠁿 England",
            "❤️",
            "Systems Ltd",
            "x",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
        assert_eq!(parse("  Ａｄａ  ").as_deref(), Ok("Ada"), "full-width letters are letters");
    }

    #[test]
    fn what_cannot_be_seen_or_turns_the_text_is_refused() {
        for text in [
            "",
            "  ",
            "\u{a0}\u{2003}",
            "\u{3164}",
            "\u{2800}\u{2800}",
            "\u{200d}",
            "\u{301}",
            "a\nb",
            "a\u{2028}b",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{200b}b",
            "bob\u{200d}",
            "bo\u{200d}b",
            "a\u{ad}b",
            "a\u{e0041}",
            "\u{fe0f}",
            "Аlice",
        ] {
            assert_eq!(parse(text), Err(Code::BadRequest), "{text:?}");
        }
        assert_eq!(parse(&"x".repeat(65)), Err(Code::TooLarge));
    }

    #[test]
    fn nobody_passes_for_the_machine_or_its_staff() {
        for text in [
            "system",
            "SYSTEM",
            "System 🤖",
            "[system]",
            "S y s t e m",
            "ｓｙｓｔｅｍ",
            "𝐒𝐲𝐬𝐭𝐞𝐦",
            "ѕуѕтем",
            "Admin",
            "adrnin",
            "guest-000001",
        ] {
            assert!(matches!(parse(text), Err(Code::Conflict | Code::BadRequest)), "{text}");
        }
        assert_eq!(parse("[system]"), Err(Code::Conflict));
    }

    #[test]
    fn rooms_may_be_called_what_people_may_not_but_not_like_the_machine() {
        let name = |text: &str| room_name(text, 128).map_err(|fault| fault.code);
        assert_eq!(name("  Lobby ").as_deref(), Ok("Lobby"));
        assert_eq!(name("Support").as_deref(), Ok("Support"));
        for text in ["System", "s.y.s.t.e.m", "ｓｙｓｔｅｍ"] {
            assert_eq!(name(text), Err(Code::Conflict), "{text}");
        }
        for text in ["", " \t ", "a\u{7}b", "a\u{202e}b", "\u{3164}", "a\u{200b}"] {
            assert_eq!(name(text), Err(Code::BadRequest), "{text:?}");
        }
        assert!(name(&"é".repeat(128)).is_ok());
        assert_eq!(name(&"é".repeat(129)), Err(Code::TooLarge));
        let topic = |text: &str| room_topic(text, 512).map(|_| ()).map_err(|fault| fault.code);
        assert_eq!(topic(""), Ok(()));
        assert_eq!(topic("one\ntwo"), Ok(()));
        assert_eq!(topic("nul\0"), Err(Code::BadRequest));
        assert_eq!(topic("a\u{202e}b"), Err(Code::BadRequest));
        assert_eq!(topic("\u{3164}"), Err(Code::BadRequest));
        assert_eq!(topic(&"x".repeat(513)), Err(Code::TooLarge));
    }
}
