//! What goes wrong between a gateway and what it stands on, as often as the seed says, until it
//! calms down.

use std::sync::atomic::{AtomicBool, Ordering};

use tonic::Status;

use super::dice::Dice;

pub(super) struct Faults {
    dice: Dice,
    calm: AtomicBool,
    rates: Rates,
}

/// Probabilities, per call or envelope.
#[derive(Debug)]
pub(super) struct Rates {
    /// Refused before anything was done.
    pub(super) refused: f64,
    /// Done, and the answer lost: `unavailable`, or nothing until the caller's deadline.
    pub(super) unanswered: f64,
    /// Slow by seconds; what was read is old when it arrives.
    pub(super) slow: f64,
    /// The bus brings an envelope late, behind others.
    pub(super) late: f64,
    /// The bus brings it twice (two instances published it).
    pub(super) twice: f64,
    /// Committed, and published only by the sweep.
    pub(super) swept: f64,
    /// A subscription is not confirmed in time.
    pub(super) unconfirmed: f64,
}

impl Faults {
    /// Some worlds are gentle and some are not.
    pub(super) fn new(dice: Dice) -> Self {
        let rate = |most: f64| {
            let steps = u32::try_from(dice.below(4)).expect("small");
            most * f64::from(steps) / 3.0
        };
        let rates = Rates {
            refused: rate(0.15),
            unanswered: rate(0.1),
            slow: rate(0.1),
            late: rate(0.2),
            twice: rate(0.1),
            swept: rate(0.1),
            unconfirmed: rate(0.3),
        };
        Self { dice, calm: AtomicBool::new(false), rates }
    }

    pub(super) fn calm_down(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }

    pub(super) fn are_over(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    pub(super) fn strike(&self, which: impl Fn(&Rates) -> f64) -> bool {
        !self.are_over() && self.dice.chance(which(&self.rates))
    }

    /// On the way to a service.
    pub(super) async fn request(&self) -> Result<(), Status> {
        self.dice.pause(0..5).await;
        if self.strike(|rates| rates.slow) {
            self.dice.pause(100..2_000).await;
        }
        if self.strike(|rates| rates.refused) {
            return Err(Status::unavailable("simulated: refused"));
        }
        Ok(())
    }

    /// On the way back: the work is done, and what was read is read.
    pub(super) async fn answer(&self) -> Result<(), Status> {
        self.dice.pause(0..5).await;
        if self.strike(|rates| rates.slow) {
            self.dice.pause(100..2_000).await;
        }
        if self.strike(|rates| rates.unanswered) {
            if self.dice.chance(0.3) {
                // Longer than any deadline.
                self.dice.pause(60_000..60_001).await;
            }
            return Err(Status::unavailable("simulated: the answer is lost"));
        }
        Ok(())
    }
}
