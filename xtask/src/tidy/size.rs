//! How long a file may be. Above the soft limit every file has a limit of its own, its size when that
//! was last written down: what is long may shrink, and grows only by a visible change of the list.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Source;
use crate::command;

const HEADER: &str = "\
# How long a Rust file may be, in lines. A longer one is split where it falls apart by itself; where it
# does not, `cargo xtask tidy --bless` writes its size of today down here, and the change says why.

";

/// The list as it stands in `xtask/tidy.toml`.
#[derive(Deserialize)]
pub(super) struct Limits {
    lines_max: usize,
    longer: BTreeMap<String, usize>,
}

impl Limits {
    pub(super) fn read() -> Result<Self> {
        let text = fs::read_to_string(path()).context("xtask/tidy.toml")?;
        toml::from_str(&text).context("xtask/tidy.toml")
    }

    /// The same soft limit, with today's sizes of the files above it.
    pub(super) fn of_today(sources: &[Source], before: &Self) -> Self {
        let longer = measured(sources).filter(|(_, lines)| *lines > before.lines_max);
        Self {
            lines_max: before.lines_max,
            longer: longer.map(|(path, lines)| (path.to_owned(), lines)).collect(),
        }
    }

    pub(super) fn write(&self) -> Result<()> {
        let entries = self.longer.iter().map(|(path, lines)| format!("\"{path}\" = {lines}\n"));
        let entries: String = entries.collect();
        let text = format!("{HEADER}lines_max = {}\n\n[longer]\n{entries}", self.lines_max);
        fs::write(path(), text).context("xtask/tidy.toml")
    }
}

pub(super) fn check(sources: &[Source], limits: &Limits) -> Vec<String> {
    let grown = measured(sources).filter_map(|(path, lines)| {
        let limit = limits.longer.get(path).copied().unwrap_or(limits.lines_max);
        (lines > limit).then(|| {
            format!(
                "{path}: {lines} lines, and {limit} is its limit: split it (see xtask/tidy.toml)"
            )
        })
    });
    let gone = limits.longer.keys().filter(|path| !sources.iter().any(|s| s.path == **path));
    grown.chain(gone.map(|path| format!("xtask/tidy.toml: {path} is not there any more"))).collect()
}

fn measured(sources: &[Source]) -> impl Iterator<Item = (&str, usize)> {
    let rust = sources.iter().filter(|source| source.is_rust());
    rust.map(|source| (source.path.as_str(), source.text.lines().count()))
}

fn path() -> PathBuf {
    command::root().join("xtask/tidy.toml")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Limits, Source, check};

    fn source(path: &str, lines: usize) -> Source {
        Source { path: path.to_owned(), text: "x\n".repeat(lines) }
    }

    #[test]
    fn files_may_not_grow_beyond_their_limit() {
        let longer = BTreeMap::from([("old.rs".to_owned(), 20), ("gone.rs".to_owned(), 12)]);
        let limits = Limits { lines_max: 10, longer };
        let sources = [
            source("new.rs", 11),
            source("fine.rs", 10),
            source("old.rs", 20),
            source("a.sql", 99),
        ];
        assert_eq!(
            check(&sources, &limits),
            [
                "new.rs: 11 lines, and 10 is its limit: split it (see xtask/tidy.toml)",
                "xtask/tidy.toml: gone.rs is not there any more",
            ]
        );
        let grown = check(&[source("old.rs", 21), source("gone.rs", 12)], &limits);
        assert_eq!(
            grown,
            ["old.rs: 21 lines, and 20 is its limit: split it (see xtask/tidy.toml)"]
        );
    }

    #[test]
    fn blessing_keeps_only_what_is_long_today() {
        let before = Limits { lines_max: 10, longer: BTreeMap::from([("old.rs".to_owned(), 20)]) };
        let after = Limits::of_today(&[source("old.rs", 9), source("new.rs", 15)], &before);
        assert_eq!(after.longer, BTreeMap::from([("new.rs".to_owned(), 15)]));
    }
}
