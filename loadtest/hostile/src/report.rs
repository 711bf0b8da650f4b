//! What is printed, and whether everything held.

use hdrhistogram::Histogram;

use crate::{GROWTH_BYTES_MAX, bystander::Times};

/// How much slower than without the attack things may be for the bystanders to be content.
const RATIO_GOAL: f64 = 2.0;
const MIB: f64 = 1024.0 * 1024.0;

/// What one attack came to.
pub(crate) struct Outcome {
    pub(crate) attack: &'static str,
    pub(crate) before: Times,
    pub(crate) during: Times,
    /// Bytes before the attack.
    pub(crate) resident: u64,
    /// Bytes more at the peak.
    pub(crate) growth: u64,
    /// What the attack did that it must not be able to do.
    pub(crate) complaint: Option<String>,
}

pub(crate) struct Report {
    held: bool,
}

impl Report {
    pub(crate) fn begin() -> Self {
        say(
            "attack               resident      growth   connect p99 (alone, attack, ratio)   send to ack p99 (alone, attack, ratio)",
        );
        Self { held: true }
    }

    pub(crate) fn add(&mut self, outcome: Outcome) {
        let Outcome { attack, before, during, resident, growth, complaint } = outcome;
        let mut verdict = Vec::new();
        if growth > GROWTH_BYTES_MAX {
            verdict.push("memory grew by more than 64 MiB".to_owned());
        }
        verdict.extend(complaint);
        self.held &= verdict.is_empty();
        say(&format!(
            "{attack:<20} {:>5.0} MiB   {:>5.1} MiB   {}   {}   {}",
            as_f64(resident) / MIB,
            as_f64(growth) / MIB,
            compared(&before.connect, &during.connect),
            compared(&before.ack, &during.ack),
            if verdict.is_empty() {
                "held".to_owned()
            } else {
                format!("FAILED: {}", verdict.join("; "))
            },
        ));
    }

    /// Whether everything held.
    pub(crate) fn end(self) -> bool {
        say(&format!("the goal for the ratios is {RATIO_GOAL} at the most; they fail nothing"));
        self.held
    }
}

fn compared(alone: &Histogram<u64>, attacked: &Histogram<u64>) -> String {
    let [alone, attacked] = [alone, attacked].map(|it| as_f64(it.value_at_quantile(0.99)) / 1e3);
    let ratio = attacked / alone.max(0.001);
    format!("{alone:>8.1} ms {attacked:>8.1} ms  × {ratio:<5.2}")
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
const fn as_f64(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::print_stdout, reason = "the report is what the program is for")]
fn say(line: &str) {
    println!("{line}");
}
