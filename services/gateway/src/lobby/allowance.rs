//! What guests may still say at once, kept beyond their connections: a guest who comes back from the same
//! address goes on with what a guest who left it had left. So reconnecting gives nobody another burst,
//! and guests who share an address and stay do not share a rate.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use hubbub_runtime::shares::AddressGroup;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::Config;

/// Guests who left and are remembered. At the bound the others are forgotten, and begin anew.
const LEFT_MAX: usize = 65_536;

pub(super) type Limiter = Arc<DefaultDirectRateLimiter>;

/// The limiters of guests who have left, until they have recovered.
pub(super) struct Allowances {
    quota: Quota,
    recovery: Duration,
    left: Mutex<Left>,
}

#[derive(Default)]
struct Left {
    by_group: HashMap<AddressGroup, Vec<(Instant, Limiter)>>,
    count: usize,
}

impl Allowances {
    pub(super) fn new(config: &Config) -> Self {
        let quota = Quota::per_second(config.events_per_second).allow_burst(config.events_burst);
        let recovery = quota.replenish_interval() * config.events_burst.get();
        Self { quota, recovery, left: Mutex::default() }
    }

    /// The limiter of a guest who comes.
    pub(super) fn begin(&self, address: IpAddr) -> Limiter {
        let mut left = self.left.lock();
        let group = AddressGroup::of(address);
        let taken = left.by_group.get_mut(&group).and_then(Vec::pop);
        if taken.is_some() {
            left.count -= 1;
            if left.by_group.get(&group).is_some_and(Vec::is_empty) {
                left.by_group.remove(&group);
            }
        }
        drop(left);
        taken.map_or_else(|| Arc::new(RateLimiter::direct(self.quota)), |(_, limiter)| limiter)
    }

    /// A guest went.
    pub(super) fn end(&self, address: IpAddr, limiter: Limiter) {
        let mut left = self.left.lock();
        if left.count < LEFT_MAX {
            let group = AddressGroup::of(address);
            left.by_group.entry(group).or_default().push((Instant::now(), limiter));
            left.count += 1;
        }
    }

    /// Forgets those who have recovered; to be called from time to time.
    pub(super) fn forget_recovered(&self) {
        let mut left = self.left.lock();
        let now = Instant::now();
        left.by_group.retain(|_, limiters| {
            limiters.retain(|(at, _)| now.duration_since(*at) < self.recovery);
            !limiters.is_empty()
        });
        left.count = left.by_group.values().map(Vec::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Allowances, Limiter};
    use crate::lobby::Config;

    fn spend(limiter: &Limiter) -> usize {
        (0..1_000).take_while(|_| limiter.check().is_ok()).count()
    }

    #[tokio::test]
    async fn coming_back_is_no_new_burst() {
        let allowances = Allowances::new(&Config::default());
        let [here, elsewhere]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|a| a.parse().unwrap());
        let guest = allowances.begin(here);
        assert!(spend(&guest) >= 20);
        let neighbour = allowances.begin(here);
        assert!(spend(&neighbour) >= 20, "guests who stay share nothing");
        allowances.end(here, guest);
        assert!(spend(&allowances.begin(elsewhere)) >= 20);
        let back = allowances.begin(here);
        assert!(spend(&back) < 5);
        allowances.end(here, back);
        allowances.forget_recovered();
        assert_eq!(allowances.left.lock().count, 1, "it has not recovered yet");
    }
}
