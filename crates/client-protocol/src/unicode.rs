//! JSON in which a client has cut a character in two.
//!
//! A JavaScript string may hold half of a surrogate pair (`text.slice(0, 100)` leaves one behind), and
//! `JSON.stringify` writes it as an escape like `\ud83d`. No Unicode text holds it, and `serde_json`
//! refuses it. As browsers do when they encode text, such an escape becomes U+FFFD. An identifier must
//! not change on its way, so an identifier that holds U+FFFD is refused.

use std::borrow::Cow;

use hubbub_domain::SUBSTITUTE;
use serde_json::Value;

/// What takes the place of half a character.
pub const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// Reads a client's JSON. `read` is called once for sound text. Where half a character was replaced, it
/// is called again with [`SUBSTITUTE`] in that place, which every identifier refuses.
pub fn tolerant<T, E>(json: &str, read: impl Fn(&str) -> Result<T, E>) -> Result<T, E> {
    let mended = if json.contains(REPLACEMENT) {
        mend(json).map_or(Cow::Borrowed(json), Cow::Owned)
    } else {
        let outcome = read(json);
        if outcome.is_ok() {
            return outcome;
        }
        match mend(json) {
            Some(mended) => Cow::Owned(mended),
            None => return outcome,
        }
    };
    read(&mended.replace(REPLACEMENT, SUBSTITUTE_ESCAPE))?;
    read(&mended)
}

/// Reads any JSON, with U+FFFD in the place of half a character.
pub fn value(json: &str) -> serde_json::Result<Value> {
    serde_json::from_str(json)
        .or_else(|error| mend(json).map_or(Err(error), |mended| serde_json::from_str(&mended)))
}

/// Whether a text in the value holds U+FFFD.
pub(crate) fn is_mended(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(REPLACEMENT),
        Value::Array(values) => values.iter().any(is_mended),
        Value::Object(fields) => fields.values().any(is_mended),
        _ => false,
    }
}

/// The value with [`SUBSTITUTE`] in the place of U+FFFD.
pub(crate) fn substituted(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            text.replace(REPLACEMENT, SUBSTITUTE.encode_utf8(&mut [0; 4])).into()
        }
        Value::Array(values) => values.iter().map(substituted).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), substituted(value))).collect()
        }
        other => other.clone(),
    }
}

/// [`SUBSTITUTE`] inside a JSON text, where control characters are escaped.
const SUBSTITUTE_ESCAPE: &str = "\\u001a";

/// The JSON without halves of surrogate pairs; `None` when it has none. An escape stands only inside a
/// text: elsewhere a backslash is an error that the parser finds.
fn mend(json: &str) -> Option<String> {
    let mut mended = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = json.get(at..)?.find('\\') {
        let begin = at + found;
        let (end, half) = match (escaped(json, begin), escaped(json, begin + ESCAPE_BYTES)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (begin + 2 * ESCAPE_BYTES, false),
            (Some(0xd800..=0xdfff), _) => (begin + ESCAPE_BYTES, true),
            // What follows the backslash may be another one, or begin a longer character.
            _ => (begin + 1 + json[begin + 1..].chars().next().map_or(0, char::len_utf8), false),
        };
        if half {
            mended.push_str(&json[copied..begin]);
            mended.push(REPLACEMENT);
            copied = end;
        }
        at = end;
    }
    (copied > 0).then(|| mended + &json[copied..])
}

/// Bytes of `\u0000`.
const ESCAPE_BYTES: usize = 6;

/// The UTF-16 unit of the escape that begins here.
fn escaped(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + ESCAPE_BYTES)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use hubbub_domain::ClientId;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{mend, tolerant, value};

    #[test]
    fn half_a_character_is_replaced_and_a_whole_one_is_not() {
        for (text, expected) in [
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""a\uD83Db""#, "a\u{fffd}b"),
            (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\ud83d\n""#, "\u{fffd}\n"),
            (r#""\ud83d\\ude00""#, "\u{fffd}\\ude00"),
        ] {
            assert_eq!(value(text).expect("read"), json!(expected), "{text}");
        }
        for sound in [r#""\ud83d\ude00""#, r#""\\ud83d""#, r#""\\\\ud83d é""#, r#""é\n""#, "{}"] {
            assert_eq!(mend(sound), None, "{sound}");
            assert!(value(sound).is_ok());
        }
        for broken in [r#""\ud83"#, r#""\ud8+d""#, r"\ud83d", "\"\\", r#""\ud83d"#, "\\é"] {
            assert!(value(broken).is_err(), "{broken}");
        }
        let names = value(r#"{"\ud83d":{"b":["\udfff"]}}"#).expect("read");
        assert_eq!(names, json!({"\u{fffd}": {"b": ["\u{fffd}"]}}));
    }

    #[test]
    fn an_identifier_is_refused_and_a_text_is_not() {
        let id = |json: &str| tolerant(json, |json| serde_json::from_str::<ClientId>(json));
        assert!(id(r#""c1""#).is_ok());
        for mended in [r#""c\ud83d""#, "\"c\u{fffd}\""] {
            let error = id(mended).expect_err("refused");
            assert!(error.to_string().contains("must be valid Unicode"), "{error}");
        }
        let text = |json: &str| tolerant(json, |json| serde_json::from_str::<String>(json));
        assert_eq!(text(r#""c\ud83d""#).ok().as_deref(), Some("c\u{fffd}"));
        assert_eq!(text("\"c\u{fffd}\"").ok().as_deref(), Some("c\u{fffd}"));
    }

    proptest! {
        #[test]
        fn any_utf_16_is_read_as_a_browser_encodes_it(units in prop::collection::vec(
            prop_oneof![0xd7ff_u16..0xe001, any::<u16>()], 0..12,
        )) {
            let escaped: String = units.iter().fold(String::new(), |text, unit| format!("{text}\\u{unit:04x}"));
            let read = value(&format!("\"{escaped}\"")).expect("read");
            prop_assert_eq!(read, Value::from(String::from_utf16_lossy(&units)));
        }

        #[test]
        fn nothing_panics(text in "[\"\\\\ud83cé ]{0,24}") {
            let _any_answer = value(&text);
        }
    }
}
