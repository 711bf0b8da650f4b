//! Measures that are points of one curve, put together, and how steep the curve is.

use crate::measure::{Measure, Unit};

/// A curve: one line for each arm.
pub(super) struct Curve<'a> {
    pub(super) scenario: &'static str,
    pub(super) name: &'a str,
    pub(super) axis: &'static str,
    pub(super) unit: Unit,
    pub(super) lines: Vec<Line>,
}

/// An arm's medians along the axis.
pub(super) struct Line {
    pub(super) arm: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// Those that have at least two points with something to see.
pub(super) fn curves(measures: &[Measure]) -> Vec<Curve<'_>> {
    let mut curves: Vec<Curve<'_>> = Vec::new();
    for measure in measures {
        let Some(point) = &measure.point else { continue };
        let same = |it: &Curve<'_>| it.scenario == measure.scenario && it.name == point.curve;
        let index = curves.iter().position(same).unwrap_or_else(|| {
            curves.push(Curve {
                scenario: measure.scenario,
                name: &point.curve,
                axis: point.axis,
                unit: measure.unit,
                lines: Vec::new(),
            });
            curves.len() - 1
        });
        for series in &measure.arms {
            if let Some(median) = measure.median(series.arm) {
                curves[index].add(series.arm, (point.at, median));
            }
        }
    }
    for curve in &mut curves {
        curve.lines.retain(|line| line.points.len() > 1);
    }
    curves.retain(|curve| !curve.lines.is_empty());
    curves
}

impl Curve<'_> {
    /// A figure of zero has no place on a logarithmic scale.
    fn add(&mut self, arm: &'static str, point: (f64, f64)) {
        if point.0 <= 0.0 || point.1 <= 0.0 {
            return;
        }
        match self.lines.iter_mut().find(|line| line.arm == arm) {
            Some(line) => line.points.push(point),
            None => self.lines.push(Line { arm, points: vec![point] }),
        }
    }
}

impl Line {
    /// The power of the axis by which the figure grows, by least squares of the logarithms: 0 for a cost
    /// that stays the same, 1 for one that doubles when the axis does.
    pub(super) fn exponent(&self) -> f64 {
        let logs = || self.points.iter().map(|(x, y)| (x.ln(), y.ln()));
        let count = self.points.len() as f64;
        let (x_mean, y_mean) = logs().fold((0.0, 0.0), |sum, (x, y)| (sum.0 + x, sum.1 + y));
        let (x_mean, y_mean) = (x_mean / count, y_mean / count);
        let along: f64 = logs().map(|(x, _)| (x - x_mean).powi(2)).sum();
        logs().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum::<f64>() / along
    }
}

#[cfg(test)]
mod tests {
    use super::curves;
    use crate::measure::{Measure, Unit};

    #[test]
    fn points_of_a_curve_are_one_line_for_each_arm() {
        let measures: Vec<Measure> = [1.0, 2.0, 4.0]
            .into_iter()
            .map(|at| {
                let mut measure = Measure::new("growth", format!("at {at}"), Unit::Micros)
                    .on("cost", "rooms", at);
                measure.record("square", 3.0 * at * at);
                measure.record("constant", 7.0);
                measure.record("nothing", 0.0);
                measure
            })
            .collect();
        let curves = curves(&measures);
        assert_eq!(curves.len(), 1);
        let exponents: Vec<(&str, f64)> =
            curves[0].lines.iter().map(|line| (line.arm, line.exponent().round())).collect();
        assert_eq!(exponents, [("square", 2.0), ("constant", 0.0)]);
    }
}
