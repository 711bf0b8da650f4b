//! One setting that is not at its default, and the file such settings come from.

use std::path::Path;

use figment::Figment;
use toml::{Table, Value};

use super::{Problem, Sources};

/// A value for one key, and where it was found.
#[derive(Clone, Debug)]
pub(super) struct Override {
    /// Dotted.
    pub(super) key: String,
    pub(super) value: Value,
    /// The file or the variable, for people.
    pub(super) origin: String,
}

impl Override {
    pub(super) fn onto(self, figment: Figment) -> Figment {
        figment.merge((self.key, self.value))
    }

    pub(super) fn problem(&self, text: impl Into<String>) -> Problem {
        Problem::new(&self.key, text).found_in(&self.origin)
    }
}

/// Every setting of the file, or what is wrong with the file or one of them.
pub(super) fn from_file(sources: &Sources, defaults: &Table) -> Vec<Result<Override, Problem>> {
    let Some(path) = &sources.file else { return Vec::new() };
    let origin = path.display().to_string();
    let leaf = |(key, value): (String, Value)| {
        if default_at(defaults, &key).is_none() {
            return Err(Problem::unknown(&key, defaults).found_in(&origin));
        }
        Ok(Override { key, value, origin: origin.clone() })
    };
    match read(path) {
        Ok(table) => leaves(table, defaults).into_iter().map(leaf).collect(),
        Err(text) => vec![Err(Problem::new(&origin, text))],
    }
}

fn read(path: &Path) -> Result<Table, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    text.parse::<Table>().map_err(|error| {
        // Never the error's own text: it quotes the line, which may hold a secret.
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        format!("is not TOML: line {line}: {}", error.message())
    })
}

/// The values of a table by their dotted keys, as deep as the defaults go: below an unknown key, or one
/// whose default is an empty table (its keys are the operator's), a table is a value.
fn leaves(table: Table, known: &Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (name, value) in table {
        let known = known.get(&name).and_then(Value::as_table).filter(|t| !t.is_empty());
        match (value, known) {
            (Value::Table(inner), Some(known)) => found.extend(
                leaves(inner, known)
                    .into_iter()
                    .map(|(below, value)| (format!("{name}.{below}"), value)),
            ),
            (value, _) => found.push((name, value)),
        }
    }
    found
}

/// The default at a dotted key.
pub(super) fn default_at<'a>(defaults: &'a Table, key: &str) -> Option<&'a Value> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(a, b)| (a, Some(b)));
    match (defaults.get(first)?, rest) {
        (value, None) => Some(value),
        (Value::Table(table), Some(rest)) => default_at(table, rest),
        _ => None,
    }
}

/// Every dotted key that can be set.
pub(super) fn keys(defaults: &Table) -> impl Iterator<Item = String> {
    leaves(defaults.clone(), defaults).into_iter().map(|(key, _)| key)
}
