//! The tables on standard output.
#![expect(clippy::print_stdout, reason = "the figures of a run")]

use super::curve::Curve;
use crate::{
    goals::{Row, Verdict},
    measure::Measure,
};

pub(super) fn print(measures: &[Measure], curves: &[Curve<'_>], rows: &[Row]) {
    let mut scenario = "";
    for measure in measures {
        if measure.scenario != scenario {
            scenario = measure.scenario;
            println!("\n{scenario}");
        }
        print_measure(measure);
    }
    print_exponents(curves);
    println!("\ngoals");
    let mut table = vec![["", "must", "aim", "figure", "ours", "against", ""].map(str::to_owned)];
    table.extend(rows.iter().map(cells));
    print_aligned(&table);
}

fn print_measure(measure: &Measure) {
    let arms: Vec<String> = measure
        .arms
        .iter()
        .filter_map(|series| {
            let median = measure.median(series.arm)?;
            Some(format!("{} {}", series.arm, measure.unit.show(median)))
        })
        .collect();
    println!("  {:<52} {}", measure.what, arms.join("   "));
}

/// How each curve grows: the exponent of a power law through its points.
fn print_exponents(curves: &[Curve<'_>]) {
    if !curves.is_empty() {
        println!("\nhow it grows (exponent: 0 stays the same, 1 doubles with its axis)");
    }
    for curve in curves {
        let lines = curve.lines.iter().map(|line| format!("{} {:.2}", line.arm, line.exponent()));
        let lines: Vec<String> = lines.collect();
        let name = format!("{}: {}, by {}", curve.scenario, curve.name, curve.axis);
        println!("  {name:<62} {}", lines.join("   "));
    }
}

fn cells(row: &Row) -> [String; 7] {
    let verdict = match row.verdict {
        Verdict::Aim => "aim met",
        Verdict::Must => "met",
        Verdict::AimMissed => "aim missed",
        Verdict::Missed => "MISSED",
        Verdict::NotMeasured => "not measured",
    };
    let figure = row.figure.clone().unwrap_or_default();
    let [must, aim, ours, peer] = [&row.must, &row.aim, &row.ours, &row.peer].map(Clone::clone);
    [row.goal.to_owned(), must, aim, figure, ours, peer, verdict.to_owned()]
}

fn print_aligned<const N: usize>(table: &[[String; N]]) {
    let width = |column: usize| {
        table.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in table {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        println!("  {}", cells.join("  ").trim_end());
    }
}
