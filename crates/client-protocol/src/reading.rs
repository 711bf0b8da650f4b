//! Reading what a client sent, and saying what is wrong with it in the API's own terms: the path of a field and a
//! predicate about its value. No name of a type and no phrase of a library reaches a client: a predicate is either
//! our own ([`Flaw`]) or made here from what the deserializer expected.
//!
//! Well-formed input is deserialized once; only what was refused is read again, to find out why.

use std::borrow::Cow;

use hubbub_domain::{Fault, Flaw};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::unicode;

/// Reads a JSON object; the fault names the field and the problem. `root` is what the document is called where
/// the problem is the document itself, such as "the body".
pub fn parse_document<T: DeserializeOwned>(text: &str, root: &str) -> Result<T, Fault> {
    // A structure can be read from a list of its fields' values, too; nobody is to rely on their order.
    if text.trim_start().starts_with('[') {
        return Err(Fault::bad_request(format!("{root} must be an object")));
    }
    serde_json::from_str(text).map_err(|_| diagnose::<T>(text, root))
}

/// Reads the body of a request as a client sent it; half a character in a text becomes U+FFFD.
pub fn parse_body<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    unicode::tolerant(text, |text| parse_document(text, "the body"))
}

/// Reads a JSON value; the fault names the field and the problem.
pub fn parse_value<T: DeserializeOwned>(value: Value, root: &str) -> Result<T, Fault> {
    read(value, root)
}

/// Reads with any deserializer; the fault names the field and the problem.
pub fn read<'de, T, D>(deserializer: D, root: &str) -> Result<T, Fault>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { "" } else { path.as_str() };
        Fault::bad_request(explain(path, root, &error.inner().to_string()))
    })
}

fn diagnose<T: DeserializeOwned>(text: &str, root: &str) -> Fault {
    // As a value first: to a deserializer that reads text, a wrong type can look like broken JSON.
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => return Fault::bad_request(broken(root, &error)),
    };
    // A value keeps the last of several fields of one name, so that only the text shows them.
    let fault = read::<T, _>(value, root).err();
    let fault =
        fault.or_else(|| read::<T, _>(&mut serde_json::Deserializer::from_str(text), root).err());
    fault.unwrap_or_else(|| Fault::bad_request(format!("{root} is not valid")))
}

fn broken(root: &str, error: &serde_json::Error) -> String {
    let phrase = error.to_string();
    let why = if phrase.starts_with("recursion limit") {
        "is nested too deeply"
    } else if phrase.starts_with("number out of range") {
        "has a number that is too large"
    } else {
        "is not valid JSON"
    };
    format!("{root} {why} (line {}, column {})", error.line(), error.column())
}

/// The sentence for a deserializer's phrase about the value at `path`.
fn explain(path: &str, root: &str, phrase: &str) -> String {
    let phrase = phrase.rsplit_once(" at line ").map_or(phrase, |(phrase, _)| phrase);
    let quoted = |prefix| phrase.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('`'));
    let of =
        |field: &str| if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") };
    if let Some(field) = quoted("missing field `") {
        return format!("`{}` is missing", of(field));
    }
    if let Some(field) = quoted("duplicate field `") {
        return format!("`{}` is given more than once", of(field));
    }
    let subject = if path.is_empty() { root.to_owned() } else { format!("`{}`", shortened(path)) };
    format!("{subject} {}", predicate(phrase))
}

/// What is wrong with a value, from a deserializer's phrase about it; to be put behind the name of the field.
pub fn predicate(phrase: &str) -> Cow<'_, str> {
    if let Some(flaw) = phrase.strip_prefix(Flaw::MARK) {
        return shortened(flaw);
    }
    if phrase.starts_with("unknown variant ") {
        return match phrase.rsplit_once(", expected ") {
            Some((_, names)) => format!("must be {}", names.trim_start_matches("one of ")).into(),
            None => UNSPECIFIC.into(),
        };
    }
    if let Some((_, expected)) = phrase.rsplit_once(", expected ") {
        return format!("must be {}", in_terms_of_json(expected)).into();
    }
    match phrase {
        // What the standard library says of a text that should be a number, in a path or a query.
        "invalid digit found in string"
        | "cannot parse integer from empty string"
        | "number too large to fit in target type"
        | "number too small to fit in target type" => "must be a whole number in range".into(),
        "provided string was not `true` or `false`" => "must be true or false".into(),
        _ => UNSPECIFIC.into(),
    }
}

/// For a phrase that is not known here: better nothing than a library's words.
const UNSPECIFIC: &str = "is not valid";

/// What a visitor of serde expects, as JSON calls it.
fn in_terms_of_json(expected: &str) -> &str {
    if let Some(own) = expected.strip_prefix(Flaw::MARK) {
        return own;
    }
    match expected {
        "a boolean" => "true or false",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more, in range",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number in range",
        "f32" | "f64" => "a number",
        "null" | "unit" => "null",
        "a map" => "an object",
        expected if expected.starts_with("struct ") => "an object",
        expected if expected.contains("sequence") || expected.contains("tuple") => "an array",
        expected if expected.contains("string") || expected == "str" => "a string",
        _ => "of another type",
    }
}

/// A client's own words are repeated to it only in part.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    const CHARS_MAX: usize = 120;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{Code, Role, RoomId, UserId};
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::parse_document;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Outer {
        room: RoomId,
        inner: Inner,
        #[serde(default)]
        users: Vec<UserId>,
        role: Option<Role>,
        limit: Option<u32>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        on: bool,
    }

    fn refused(text: &str) -> String {
        let fault = parse_document::<Outer>(text, "the body").expect_err("refused");
        assert_eq!(fault.code, Code::BadRequest);
        fault.message.into_owned()
    }

    fn field(more: &str) -> String {
        let room = RoomId::generate();
        refused(&format!(r#"{{"room":"{room}","inner":{{"on":true}},{more}}}"#))
    }

    #[test]
    fn the_field_and_the_problem_are_named() {
        for (text, message) in [
            ("", "the body is not valid JSON (line 1, column 0)"),
            ("{\"room\":", "the body is not valid JSON (line 1, column 8)"),
            ("7", "the body must be an object"),
            ("[]", "the body must be an object"),
            ("{}", "`room` is missing"),
            (r#"{"room":7}"#, "`room` must be a string"),
            (r#"{"room":"7"}"#, "`room` must be a UUID"),
        ] {
            assert_eq!(refused(text), message, "{text}");
        }
        for (more, message) in [
            (r#""inner":{"on":true}"#, "`inner` is given more than once"),
            (r#""users":["a",""]"#, "`users[1]` must not be empty"),
            (r#""users":{}"#, "`users` must be an array"),
            (r#""role":"king""#, "`role` must be `member`, `admin`, `owner`"),
            (r#""role":7"#, "`role` must be a string"),
            (r#""limit":-1"#, "`limit` must be a whole number, 0 or more, in range"),
            (r#""limit":1e999"#, "the body has a number that is too large (line 1, column 80)"),
            (
                r#""limit":"9, expected struct Outer""#,
                "`limit` must be a whole number, 0 or more, in range",
            ),
        ] {
            assert_eq!(field(more), message, "{more}");
        }
        let inner = format!(r#"{{"room":"{}","inner":{{}}}}"#, RoomId::generate());
        assert_eq!(refused(&inner), "`inner.on` is missing");
    }

    proptest! {
        #[test]
        fn no_librarys_phrase_is_repeated(text in r#"[{}\[\]":,a-z0-9]{0,40}"#) {
            if let Err(fault) = parse_document::<Outer>(&text, "the body") {
                for phrase in ["expected", "struct", "invalid", "EOF", "variant"] {
                    prop_assert!(!fault.message.contains(phrase), "{}", fault.message);
                }
            }
        }
    }
}
