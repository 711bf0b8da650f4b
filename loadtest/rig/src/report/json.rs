//! `bench.json`: every figure of every round, and the rows of the goals.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::{goals::Row, measure::Measure};

#[derive(Serialize)]
struct Document<'a> {
    goals: &'a [Row],
    measures: &'a [Measure],
}

pub(super) fn write(measures: &[Measure], rows: &[Row], path: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(&Document { goals: rows, measures })?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
