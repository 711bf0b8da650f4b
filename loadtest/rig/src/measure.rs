//! Figures as they are measured: one quantity on several arms, round by round.
//!
//! All arms take their turn within a round, so that what disturbs the machine disturbs them alike. What
//! is quoted is a median over the rounds; a ratio is taken within each round first.

use hdrhistogram::Histogram;
use serde::Serialize;

/// One quantity, measured on several arms.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measure {
    /// `fan-out`
    pub(crate) scenario: &'static str,
    /// `CPU per delivery, room of 1,000, one at a time`
    pub(crate) what: String,
    pub(crate) unit: Unit,
    pub(crate) arms: Vec<Series>,
    /// Where it stands on a curve, if it is a point of one.
    pub(crate) point: Option<Point>,
}

/// A place on a curve. The measures of a scenario that name the same curve are drawn as one plot, a line
/// for each arm.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Point {
    /// `CPU per delivery, one at a time`
    pub(crate) curve: String,
    /// What grows along it: `members`.
    pub(crate) axis: &'static str,
    pub(crate) at: f64,
}

/// Latencies of a run, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Percentiles {
    pub(crate) fn of_micros(histogram: &Histogram<u64>) -> Self {
        let millis = |micros: u64| micros as f64 / 1e3;
        let at = |quantile: f64| millis(histogram.value_at_quantile(quantile));
        Self { p50: at(0.5), p99: at(0.99), max: millis(histogram.max()) }
    }
}

/// What an arm came to, one figure for each round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Series {
    pub(crate) arm: &'static str,
    pub(crate) rounds: Vec<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Micros,
    Millis,
    Seconds,
    Bytes,
    PerSecond,
    Count,
    Ratio,
}

impl Measure {
    pub(crate) fn new(scenario: &'static str, what: impl Into<String>, unit: Unit) -> Self {
        Self { scenario, what: what.into(), unit, arms: Vec::new(), point: None }
    }

    /// Puts it on a curve.
    #[must_use]
    pub(crate) fn on(mut self, curve: impl Into<String>, axis: &'static str, at: f64) -> Self {
        self.point = Some(Point { curve: curve.into(), axis, at });
        self
    }

    /// Writes down the next round of an arm.
    pub(crate) fn record(&mut self, arm: &'static str, figure: f64) {
        match self.arms.iter_mut().find(|series| series.arm == arm) {
            Some(series) => series.rounds.push(figure),
            None => self.arms.push(Series { arm, rounds: vec![figure] }),
        }
    }

    pub(crate) fn of(&self, arm: &str) -> Option<&Series> {
        self.arms.iter().find(|series| series.arm == arm)
    }

    /// The median of an arm.
    pub(crate) fn median(&self, arm: &str) -> Option<f64> {
        median(&self.of(arm)?.rounds)
    }

    /// How many times `base` an arm is: the median of the rounds' ratios.
    pub(crate) fn ratio(&self, arm: &str, base: &str) -> Option<f64> {
        let pairs = self.of(arm)?.rounds.iter().zip(&self.of(base)?.rounds);
        let ratios: Vec<f64> =
            pairs.filter(|(_, base)| **base > 0.0).map(|(figure, base)| figure / base).collect();
        median(&ratios)
    }
}

impl Unit {
    /// A figure as people read it.
    pub(crate) fn show(self, figure: f64) -> String {
        match self {
            Self::Micros => format!("{figure:.2} µs"),
            Self::Millis => format!("{figure:.2} ms"),
            Self::Seconds => format!("{figure:.2} s"),
            Self::Bytes if figure >= 1e6 => format!("{:.1} MB", figure / 1e6),
            Self::Bytes if figure >= 1e3 => format!("{:.1} KB", figure / 1e3),
            Self::Bytes => format!("{figure:.0} B"),
            Self::PerSecond => format!("{}/s", grouped(figure)),
            Self::Count => grouped(figure),
            Self::Ratio => format!("{figure:.3}×"),
        }
    }
}

/// The middle one; of an even number, the mean of the two in the middle.
pub(crate) fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    Some(if sorted.len() % 2 == 1 {
        upper
    } else {
        f64::midpoint(sorted[sorted.len() / 2 - 1], upper)
    })
}

/// A whole number with its thousands apart; small ones keep two places.
pub(crate) fn grouped(figure: f64) -> String {
    if figure.abs() < 100.0 && figure.fract() != 0.0 {
        return format!("{figure:.2}");
    }
    let digits = format!("{:.0}", figure.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if figure < 0.0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::{Measure, Unit, grouped, median};

    #[test]
    fn ratios_are_taken_within_a_round() {
        let mut measure = Measure::new("s", "w", Unit::Micros);
        for (ours, theirs) in [(1.0, 2.0), (30.0, 40.0), (1.0, 4.0)] {
            measure.record("hubbub", ours);
            measure.record("peer", theirs);
        }
        assert_eq!(measure.ratio("hubbub", "peer"), Some(0.5));
        assert_eq!(measure.median("peer"), Some(4.0));
        assert_eq!(measure.ratio("hubbub", "absent"), None);
    }

    #[test]
    fn medians_of_even_and_no_figures() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn figures_are_readable() {
        assert_eq!(grouped(1_234_567.4), "1,234,567");
        assert_eq!(grouped(-12.5), "-12.50");
        assert_eq!(Unit::Bytes.show(4_600.0), "4.6 KB");
        assert_eq!(Unit::PerSecond.show(12_000.0), "12,000/s");
    }
}
