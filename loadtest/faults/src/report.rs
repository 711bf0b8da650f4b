//! The report of a run: as text for people, as JSON for whoever compares runs.

use std::{collections::BTreeMap, fmt, fs, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use hubbub_testkit::checker::Breach;
use serde::Serialize;

use crate::{judge::Verdict, kind::Kind, resources::Holdings};

/// Every class of breach; all are in the report, those without one too.
const CLASSES: [&str; 9] = [
    "lost",
    "duplicated",
    "inverted",
    "leaked",
    "phantom",
    "altered",
    "forked",
    "stuck",
    "not returned",
];
/// Breaches that are printed; all are in the JSON.
const PRINTED_MAX: usize = 30;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) duration_s: u64,
    pub(crate) rounds: usize,
    /// Faults that were verified to have taken effect.
    pub(crate) faults: u64,
    pub(crate) kinds: usize,
    pub(crate) acked: usize,
    pub(crate) delivered: usize,
    pub(crate) refused: usize,
    pub(crate) resets: usize,
    pub(crate) connections: u64,
    pub(crate) classes: BTreeMap<&'static str, usize>,
    pub(crate) breaches: Vec<String>,
    pub(crate) by_kind: BTreeMap<String, OfKind>,
    pub(crate) baseline: Option<Holdings>,
    pub(crate) at_the_end: Option<Holdings>,
}

/// What is known of one kind of fault.
#[derive(Debug, Default, Serialize)]
pub(crate) struct OfKind {
    pub(crate) tried: u64,
    pub(crate) took_effect: u64,
    pub(crate) alone: u64,
    /// Milliseconds until the first sign, of the rounds that gave one, for faults that were alone.
    pub(crate) detected_ms: Vec<u64>,
    /// Milliseconds from the repair until everybody had everything.
    pub(crate) caught_up_ms: Vec<u64>,
}

/// What one round adds.
pub(crate) struct Entry {
    /// Each kind, and how often it hit.
    pub(crate) hits: Vec<(Kind, u64)>,
    pub(crate) detected_after: Option<Duration>,
    pub(crate) verdict: Verdict,
}

impl Report {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            duration_s: 0,
            rounds: 0,
            faults: 0,
            kinds: 0,
            acked: 0,
            delivered: 0,
            refused: 0,
            resets: 0,
            connections: 0,
            classes: CLASSES.iter().map(|class| (*class, 0)).collect(),
            breaches: Vec::new(),
            by_kind: BTreeMap::new(),
            baseline: None,
            at_the_end: None,
        }
    }

    pub(crate) fn add(&mut self, entry: Entry) {
        let Entry { hits, detected_after, verdict } = entry;
        self.rounds += usize::from(!hits.is_empty());
        let alone = hits.len() == 1;
        for (kind, count) in hits {
            let of_kind = self.by_kind.entry(kind.to_string()).or_default();
            of_kind.tried += 1;
            of_kind.alone += u64::from(alone);
            if count == 0 {
                continue;
            }
            of_kind.took_effect += 1;
            of_kind.caught_up_ms.push(millis(verdict.caught_up_after));
            // In a pair nobody can say which of the two was noticed.
            of_kind.detected_ms.extend(detected_after.filter(|_| alone).map(millis));
        }
        self.faults = self.by_kind.values().map(|it| it.took_effect).sum();
        self.kinds = self.by_kind.values().filter(|it| it.took_effect > 0).count();
        self.acked += verdict.acked;
        self.delivered += verdict.delivered;
        self.resets += verdict.resets;
        self.refused += verdict.refusals.len();
        for refusal in verdict.refusals {
            self.breaches.push(format!("refused for good: {refusal:?}"));
        }
        self.breached(&verdict.breaches);
    }

    pub(crate) fn breached(&mut self, breaches: &[Breach]) {
        for breach in breaches {
            *self.classes.entry(breach.class()).or_default() += 1;
            self.breaches.push(format!("{breach:?}"));
        }
    }

    /// A breach of which only words are known.
    pub(crate) fn breach(&mut self, class: &'static str, words: &str) {
        *self.classes.entry(class).or_default() += 1;
        self.breaches.push(format!("{class}: {words}"));
    }

    pub(crate) fn passed(&self) -> bool {
        self.breaches.is_empty()
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let json = serde_json::to_string_pretty(self)?;
        fs::write(path, json).with_context(|| path.display().to_string())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, duration_s, rounds, faults, kinds, .. } = self;
        writeln!(
            f,
            "\nseed {seed}, {duration_s} s: {faults} faults of {kinds} kinds, {rounds} rounds"
        )?;
        let Self { acked, delivered, refused, resets, connections, .. } = self;
        writeln!(
            f,
            "{acked} acknowledged, {delivered} delivered, {refused} refused, {resets} resets, \
             {connections} connections"
        )?;
        for class in CLASSES {
            write!(f, "{} {class}, ", self.classes.get(class).unwrap_or(&0))?;
        }
        writeln!(f, "{} breaches\n", self.breaches.len())?;
        writeln!(f, "{:<44} {:>11} {:>18} {:>18}", "fault", "hit/tried", "noticed", "caught up")?;
        writeln!(f, "{:<44} {:>11} {:>18} {:>18}", "", "", "median, max ms", "median, max ms")?;
        for (kind, of_kind) in &self.by_kind {
            let hits = format!("{}/{}", of_kind.took_effect, of_kind.tried);
            let (noticed, caught_up) =
                (spread(&of_kind.detected_ms), spread(&of_kind.caught_up_ms));
            writeln!(f, "{kind:<44} {hits:>11} {noticed:>18} {caught_up:>18}")?;
        }
        for (what, holdings) in [("baseline", &self.baseline), ("at the end", &self.at_the_end)] {
            if let Some(holdings) = holdings {
                write!(f, "\n{what}\n{holdings}")?;
            }
        }
        for breach in self.breaches.iter().take(PRINTED_MAX) {
            writeln!(f, "BREACH {breach}")?;
        }
        Ok(())
    }
}

/// `median, max`; a dash when there is none.
fn spread(values: &[u64]) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    match sorted.last() {
        Some(max) => format!("{}, {max}", sorted[sorted.len() / 2]),
        None => "–".to_owned(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn the_median_and_the_worst() {
        assert_eq!(spread(&[]), "–");
        assert_eq!(spread(&[7]), "7, 7");
        assert_eq!(spread(&[9, 1, 5]), "5, 9");
    }
}
