//! What is wrong with the settings, in words for the person who wrote them.

use std::fmt;

use figment::error::{Actual, Kind};
use toml::Table;

use super::settings;

/// A name must be at least this like another one to be offered in its place (0 to 1).
const LIKENESS_MIN: f64 = 0.6;

/// Everything that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

/// One thing that is wrong: the setting, where it was found, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    key: String,
    origin: Option<String>,
    text: String,
}

impl Problem {
    /// `text` goes on after the key: "is not a port".
    pub fn new(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), origin: None, text: text.into() }
    }

    /// For a text that names the setting itself.
    pub fn sentence(text: impl fmt::Display) -> Self {
        Self { key: String::new(), origin: None, text: text.to_string() }
    }

    pub(super) fn found_in(mut self, origin: &str) -> Self {
        self.origin = Some(origin.to_owned());
        self
    }

    /// A key that is not among the defaults, with the one that was probably meant.
    pub(super) fn unknown(key: &str, defaults: &Table) -> Self {
        let likeness = |known: &str| strsim::normalized_levenshtein(key, known);
        let nearest = settings::keys(defaults)
            .chain(defaults.keys().cloned())
            .map(|known| (likeness(&known), known))
            .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        Self::new(
            key,
            match nearest {
                Some((_, known)) => format!("is not a setting; did you mean {known}?"),
                None => "is not a setting".to_owned(),
            },
        )
    }

    pub(super) fn from_figment(error: &figment::Error) -> Self {
        Self::new(error.path.join("."), describe(error))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            return f.write_str(&self.text);
        }
        f.write_str(&self.key)?;
        if let Some(origin) = &self.origin {
            write!(f, " (in {origin})")?;
        }
        write!(f, " {}", self.text)
    }
}

/// figment's error without the value it found, which may be a secret.
pub(super) fn describe(error: &figment::Error) -> String {
    match &error.kind {
        Kind::InvalidType(found, expected) => format!("is {}, not {expected}", name(found)),
        Kind::InvalidValue(_, expected) => format!("is not {expected}"),
        Kind::UnknownVariant(_, known) => format!("is not one of {}", known.join(", ")),
        Kind::Message(text) => format!("is refused: {text}"),
        Kind::MissingField(field) => format!("lacks {field}"),
        other => format!("is refused: {other}"),
    }
}

const fn name(found: &Actual) -> &'static str {
    match found {
        Actual::Bool(_) => "true or false",
        Actual::Unsigned(_) | Actual::Signed(_) => "a whole number",
        Actual::Float(_) => "a number",
        Actual::Str(_) | Actual::Char(_) => "a text",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        _ => "something else",
    }
}
