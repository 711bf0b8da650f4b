//! What a run came to: a table for people, JSON for programs, plots for documents.

mod curve;
mod json;
mod plot;
mod table;

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::{
    goals::{Row, Verdict, judge},
    measure::Measure,
};

/// Prints the table and writes the files into `folder`; the rows for the exit code.
pub(crate) fn write(measures: &[Measure], folder: &Path) -> Result<Vec<Row>> {
    let rows = judge(measures);
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let curves = curve::curves(measures);
    table::print(measures, &curves, &rows);
    for curve in &curves {
        plot::draw(curve, folder)?;
    }
    json::write(measures, &rows, &folder.join("bench.json"))?;
    Ok(rows)
}

/// The goals that were measured and not met.
pub(crate) fn missed(rows: &[Row]) -> Vec<&'static str> {
    rows.iter().filter(|row| row.verdict == Verdict::Missed).map(|row| row.goal).collect()
}

/// The goals that nothing was measured for.
pub(crate) fn not_measured(rows: &[Row]) -> Vec<&'static str> {
    rows.iter().filter(|row| row.verdict == Verdict::NotMeasured).map(|row| row.goal).collect()
}
