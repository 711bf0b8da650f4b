//! Pauses that differ from process to process, so that those who failed together do not return
//! together. The randomness is a parameter, like the clock: a simulation brings a seeded one.

use std::{ops::Range, time::Duration};

use rand::RngExt as _;

/// Where the randomness of pauses comes from: a number from 0 up to, and not including, 1.
#[derive(Clone, Copy, Debug)]
pub struct Jitter(fn() -> f64);

impl Jitter {
    /// Draws from a function; it is called once for each pause.
    pub const fn from_fn(draw: fn() -> f64) -> Self {
        Self(draw)
    }

    /// The pause times a random number of `factors`.
    pub fn scale(self, pause: Duration, factors: Range<f64>) -> Duration {
        pause.mul_f64(factors.start + (factors.end - factors.start) * (self.0)())
    }
}

impl Default for Jitter {
    /// The thread's own generator.
    fn default() -> Self {
        Self(|| rand::rng().random())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Jitter;

    #[test]
    fn stays_within_its_factors() {
        let pause = Duration::from_secs(4);
        let least = Jitter::from_fn(|| 0.0).scale(pause, 0.5..1.5);
        let middle = Jitter::from_fn(|| 0.5).scale(pause, 0.5..1.5);
        assert_eq!((least, middle), (Duration::from_secs(2), pause));
        let real = Jitter::default().scale(pause, 0.5..1.0);
        assert!((Duration::from_secs(2)..pause).contains(&real));
    }
}
