//! Autoscaling that moves load: a gateway that holds more sessions than the others asks some to move, so
//! that new gateways fill up. Which gateway a client comes to next is the load balancer's business; whoever
//! moves resumes where it was and loses nothing.
//!
//! - Never more than a hundredth of its sessions in a second, spread in time; those that came first go first,
//!   so that a client that has just moved is not asked again.
//! - Only sessions of the native door, whose clients know what `moving` means: those of Socket.IO stay until
//!   they end, and count.
//! - Only when the same gateways have been there for a while and this one was too full all the time: a
//!   rolling update, a restart or a drain is not answered with more movement.
//! - What cannot be known is not guessed: while the registry cannot be read nobody is asked.

use std::time::Duration;

use hubbub_ephemeral::Node;
use tokio::time::Instant;

use crate::{config::RebalanceConfig, core::Core, metrics, registry::Registry};

/// Looks, and asks, until it is dropped.
pub(crate) async fn run(core: &Core, registry: &Registry) {
    let config = &core.config.rebalance;
    let mut balance = Balance::new(config.clone());
    loop {
        tokio::time::sleep(config.interval).await;
        let own = core.sessions.count();
        let asked = match registry.nodes().await {
            Ok(nodes) => balance.judge(Instant::now(), registry.id(), own, &nodes),
            Err(error) => {
                tracing::debug!(%error, "the other gateways cannot be seen: nobody is moved");
                balance.forget();
                0
            }
        };
        if asked > 0 {
            let moved = core.sessions.ask_to_move(asked, config.interval);
            metrics::rebalanced(moved);
        }
    }
}

/// Who should move, by what was seen so far. Pure: the time is a parameter.
struct Balance {
    config: RebalanceConfig,
    /// The gateways that take sessions, by id.
    ids: Vec<String>,
    /// Since when they have been the same.
    same_since: Option<Instant>,
    /// Since when this gateway has held too many.
    full_since: Option<Instant>,
    moving: bool,
    /// The part of a session that may be asked, left over from the last looks.
    credit: f64,
}

impl Balance {
    fn new(config: RebalanceConfig) -> Self {
        Self {
            config,
            ids: Vec::new(),
            same_since: None,
            full_since: None,
            moving: false,
            credit: 0.0,
        }
    }

    /// As if nothing had ever been seen.
    fn forget(&mut self) {
        *self = Self::new(self.config.clone());
    }

    /// How many of `own` sessions are to be asked now.
    fn judge(&mut self, now: Instant, own_id: &str, own: usize, nodes: &[Node]) -> usize {
        // Those that close take nobody, and their sessions are about to come to the others.
        let open: Vec<&Node> = nodes.iter().filter(|node| !node.closing).collect();
        let ids: Vec<String> = open.iter().map(|node| node.id.clone()).collect();
        if ids != self.ids || open.len() < nodes.len() {
            self.forget();
            self.ids = ids;
        }
        let same_since = *self.same_since.get_or_insert(now);
        if open.len() < 2 || !open.iter().any(|node| node.id == own_id) {
            return 0;
        }
        let others: u64 = open.iter().filter(|n| n.id != own_id).map(|n| n.connections).sum();
        let own = float(own);
        let mean = (float_u64(others) + own) / float(open.len());
        metrics::mean_sessions(mean);
        let excess = own - mean;
        if !self.is_too_full(own, mean) {
            self.full_since = None;
            self.moving = false;
            self.credit = 0.0;
            return 0;
        }
        let full_since = *self.full_since.get_or_insert(now);
        if now.duration_since(full_since.max(same_since)) < self.config.hold {
            return 0;
        }
        self.moving = true;
        let most = own * self.config.share_per_second * self.config.interval.as_secs_f64();
        self.credit = (self.credit + most).min(most + 1.0).min(excess.max(0.0));
        let asked = whole(self.credit);
        self.credit -= float(asked);
        asked
    }

    /// Begins at one bound and goes on down to a lower one, so that it does not flutter.
    fn is_too_full(&self, own: f64, mean: f64) -> bool {
        if self.moving {
            return own > mean * self.config.end_ratio && own - mean >= 1.0;
        }
        own > mean * self.config.begin_ratio && own - mean >= float_u64(self.config.excess_min)
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of sessions")]
const fn float(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "numbers of sessions")]
const fn float_u64(count: u64) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the whole part of a small number that is not negative"
)]
fn whole(number: f64) -> usize {
    number.max(0.0) as usize
}

/// What is wrong with the settings.
pub(crate) fn validate(config: &RebalanceConfig) -> Result<(), &'static str> {
    let ratios = [config.begin_ratio, config.end_ratio];
    if !(config.share_per_second > 0.0 && config.share_per_second <= SHARE_PER_SECOND_MAX) {
        return Err("share_per_second is not above 0 and at most 0.01");
    }
    if ratios.iter().any(|ratio| !ratio.is_finite() || *ratio < 1.0) || ratios[1] > ratios[0] {
        return Err("begin_ratio and end_ratio are not 1 at least, or end_ratio is the larger one");
    }
    if config.interval < Duration::from_millis(100) {
        return Err("interval is less than 100ms");
    }
    Ok(())
}

/// Whatever the settings say: more would be a storm of reconnects.
const SHARE_PER_SECOND_MAX: f64 = 0.01;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hubbub_domain::Timestamp;
    use hubbub_ephemeral::Node;
    use tokio::time::Instant;

    use super::{Balance, RebalanceConfig, float, validate};

    fn node(id: usize, connections: usize) -> Node {
        Node {
            id: format!("node-{id}"),
            address: String::new(),
            connections: connections as u64,
            closing: false,
            started_at: Timestamp::from_micros(0),
            heard: Duration::ZERO,
        }
    }

    fn nodes(counts: &[usize]) -> Vec<Node> {
        counts.iter().enumerate().map(|(id, count)| node(id, *count)).collect()
    }

    /// A cluster whose load balancer gives every comer to the next gateway in turn.
    struct World {
        now: Instant,
        config: RebalanceConfig,
        counts: Vec<usize>,
        balances: Vec<Balance>,
        turn: usize,
        asked: usize,
    }

    impl World {
        fn new(counts: &[usize]) -> Self {
            let config = RebalanceConfig::default();
            let balances = counts.iter().map(|_| Balance::new(config.clone())).collect();
            let counts = counts.to_vec();
            Self { now: Instant::now(), config, counts, balances, turn: 0, asked: 0 }
        }

        /// One look of every gateway; the most that any of them asked of its sessions in a second.
        fn look(&mut self) -> f64 {
            self.now += self.config.interval;
            let said = nodes(&self.counts);
            let mut fastest = 0.0_f64;
            let owns = self.counts.clone();
            for (id, (balance, own)) in self.balances.iter_mut().zip(owns).enumerate() {
                let asked = balance.judge(self.now, &said[id].id, own, &said);
                let share = float(asked) / float(own.max(1));
                fastest = fastest.max(share / self.config.interval.as_secs_f64());
                self.asked += asked;
                self.counts[id] -= asked;
                for _ in 0..asked {
                    self.turn = (self.turn + 1) % self.counts.len();
                    self.counts[self.turn] += 1;
                }
            }
            fastest
        }

        fn fullest(&self) -> f64 {
            let total: usize = self.counts.iter().sum();
            let mean = float(total) / float(self.counts.len());
            float(*self.counts.iter().max().expect("a gateway")) / mean
        }

        fn run(&mut self, time: Duration) -> f64 {
            let end = self.now + time;
            let mut fastest = 0.0_f64;
            while self.now < end {
                fastest = fastest.max(self.look());
            }
            fastest
        }
    }

    #[test]
    fn a_fourth_gateway_fills_up_within_three_minutes() {
        for sessions in [400, 10_000, 100_000] {
            let mut world = World::new(&[sessions, sessions, sessions, 0]);
            let fastest = world.run(Duration::from_mins(3));
            assert!(world.fullest() <= 1.15, "{:?}", world.counts);
            assert!(fastest <= 0.0101 + 0.5 / float(sessions), "{fastest}");
            let before = world.asked;
            world.run(Duration::from_mins(2));
            world.run(Duration::from_mins(10));
            assert!(world.asked - before <= sessions, "it comes to rest");
            let resting = world.asked;
            world.run(Duration::from_mins(10));
            assert_eq!(world.asked, resting, "it has come to rest");
        }
    }

    #[test]
    fn what_is_nearly_even_is_left_alone() {
        let mut world = World::new(&[1_000, 1_050, 950, 1_000]);
        world.run(Duration::from_mins(10));
        assert_eq!(world.asked, 0);
        // Ratios mean nothing among a few.
        let mut world = World::new(&[3, 0, 1]);
        world.run(Duration::from_mins(10));
        assert_eq!(world.asked, 0);
    }

    /// Looks until the time is over; how many were asked in all.
    fn asked(
        balance: &mut Balance,
        now: &mut Instant,
        secs: u64,
        own: usize,
        all: &[Node],
    ) -> usize {
        (0..secs / 2)
            .map(|_| {
                *now += Duration::from_secs(2);
                balance.judge(*now, "node-0", own, all)
            })
            .sum()
    }

    #[test]
    fn a_change_among_the_gateways_is_waited_out() {
        let mut balance = Balance::new(RebalanceConfig::default());
        let mut now = Instant::now();
        assert_eq!(asked(&mut balance, &mut now, 28, 900, &nodes(&[900, 0])), 0);
        // Another one comes: the waiting begins anew.
        assert_eq!(asked(&mut balance, &mut now, 28, 900, &nodes(&[900, 0, 0])), 0);
        assert!(asked(&mut balance, &mut now, 10, 900, &nodes(&[900, 0, 0])) > 0);
        // As long as one closes nobody moves, and for a while after that.
        let mut closing = nodes(&[900, 0, 0]);
        closing[2].closing = true;
        assert_eq!(asked(&mut balance, &mut now, 120, 900, &closing), 0);
        assert_eq!(asked(&mut balance, &mut now, 28, 900, &nodes(&[900, 0])), 0);
        assert!(asked(&mut balance, &mut now, 10, 900, &nodes(&[900, 0])) > 0);
    }

    #[test]
    fn what_is_not_known_moves_nobody() {
        let mut balance = Balance::new(RebalanceConfig::default());
        let mut now = Instant::now();
        assert!(asked(&mut balance, &mut now, 60, 900, &nodes(&[900, 0])) > 0);
        balance.forget();
        assert_eq!(asked(&mut balance, &mut now, 28, 900, &nodes(&[900, 0])), 0);
        // A registry that does not know of this gateway, or of no other, or of nobody.
        assert_eq!(asked(&mut balance, &mut now, 120, 900, &nodes(&[900, 0])[1..]), 0);
        assert_eq!(asked(&mut balance, &mut now, 120, 900, &nodes(&[900])), 0);
        assert_eq!(asked(&mut balance, &mut now, 120, 900, &[]), 0);
    }

    #[test]
    fn settings_out_of_bounds_are_refused() {
        let good = RebalanceConfig::default();
        assert_eq!(validate(&good), Ok(()));
        assert!(validate(&RebalanceConfig { share_per_second: 0.02, ..good.clone() }).is_err());
        assert!(validate(&RebalanceConfig { share_per_second: 0.0, ..good.clone() }).is_err());
        assert!(validate(&RebalanceConfig { end_ratio: 1.2, ..good.clone() }).is_err());
        assert!(validate(&RebalanceConfig { begin_ratio: f64::NAN, ..good.clone() }).is_err());
        assert!(validate(&RebalanceConfig { interval: Duration::ZERO, ..good }).is_err());
    }
}
