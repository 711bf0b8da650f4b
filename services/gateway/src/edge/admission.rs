//! How fast clients may come: each address by itself, and all of them together; and what they may hold.
//!
//! Memory is bounded: addresses that have recovered their whole quota are forgotten, and while more
//! than [`ADDRESSES_MAX`] have not, all share one quota.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use hubbub_domain::{Code, Fault};
use hubbub_runtime::shares::AddressGroup;
use parking_lot::Mutex;

use super::{Config, holdings::Holdings};

/// Addresses remembered one by one.
const ADDRESSES_MAX: usize = 65_536;
/// Every so many checks the recovered ones are forgotten.
const CHECKS_PER_CLEANING: u64 = 1_024;
/// The shortest time after which a refused client is told to come back.
const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);

/// The rates at which connections and sessions are let in.
#[derive(Debug)]
pub struct Admission {
    /// By group of addresses; `None` is everybody, while there are too many to tell apart.
    addresses: DefaultKeyedRateLimiter<Option<AddressGroup>>,
    sessions: SessionRate,
    checks: AtomicU64,
    clock: DefaultClock,
    retry_spread: Duration,
    pub(crate) holdings: Holdings,
}

/// The node's rate of new sessions (the generic cell rate algorithm). It can be asked without being
/// spent, which a limiter of `governor` cannot: only sessions that are really admitted spend it.
#[derive(Debug)]
struct SessionRate {
    interval: Duration,
    /// How far ahead of time may be spent.
    ahead_max: Duration,
    spent_until: Mutex<Instant>,
}

impl SessionRate {
    fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let interval = Duration::from_secs(1) / per_second.get();
        let ahead_max = interval * (burst.get() - 1);
        Self { interval, ahead_max, spent_until: Mutex::new(Instant::now()) }
    }

    /// How long until there is room for one more.
    fn wait(&self, now: Instant) -> Duration {
        let ahead = self.spent_until.lock().saturating_duration_since(now);
        ahead.saturating_sub(self.ahead_max)
    }

    /// Spends one, or says how long until there is room for it.
    fn spend(&self, now: Instant) -> Result<(), Duration> {
        let mut spent_until = self.spent_until.lock();
        let wait = spent_until.saturating_duration_since(now).saturating_sub(self.ahead_max);
        if !wait.is_zero() {
            return Err(wait);
        }
        *spent_until = (*spent_until).max(now) + self.interval;
        Ok(())
    }
}

impl Admission {
    pub fn new(config: &Config) -> Self {
        let per_address = Quota::per_second(config.connects_per_address_per_second);
        Self {
            addresses: RateLimiter::keyed(per_address),
            sessions: SessionRate::new(config.connects_per_second, config.connects_burst),
            checks: AtomicU64::new(1),
            clock: DefaultClock::default(),
            retry_spread: config.retry_spread,
            holdings: Holdings::new(config),
        }
    }

    /// One more connection from this address, or one more attempt to begin a session over an old one.
    pub fn admit_address(&self, address: IpAddr) -> Result<(), Fault> {
        if self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(CHECKS_PER_CLEANING) {
            self.addresses.retain_recent();
        }
        let full = self.addresses.len() >= ADDRESSES_MAX;
        let key = (!full).then(|| AddressGroup::of(address));
        self.addresses.check_key(&key).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            Fault::new(Code::RateLimited, "too many new connections from your address")
                .retry_after(wait.max(RETRY_AFTER_MIN))
        })
    }

    /// What those are told who find every place taken.
    pub(super) fn full(&self) -> Fault {
        Fault::unavailable("this server has no room for another connection")
            .retry_after(RETRY_AFTER_MIN + self.spread())
    }

    fn spread(&self) -> Duration {
        self.retry_spread.mul_f64(rand::random())
    }

    /// Whether there is room for one more session now; nothing is spent. Spares those refused the rest of
    /// the handshake.
    pub fn room_for_session(&self) -> Result<(), Fault> {
        let wait = self.sessions.wait(Instant::now());
        if wait.is_zero() { Ok(()) } else { Err(self.busy(wait)) }
    }

    /// One more session, from wherever. Those refused are spread over some time, so that a storm
    /// does not come back as one.
    pub fn admit_session(&self) -> Result<(), Fault> {
        self.sessions.spend(Instant::now()).map_err(|wait| self.busy(wait))
    }

    fn busy(&self, wait: Duration) -> Fault {
        Fault::unavailable("too many clients are connecting at once")
            .retry_after(wait.max(RETRY_AFTER_MIN) + self.spread())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        net::{IpAddr, Ipv6Addr},
        time::{Duration, Instant},
    };

    use hubbub_domain::Code;

    use super::Admission;
    use crate::edge::Config;

    fn config() -> Config {
        let few = 5.try_into().unwrap();
        Config { connects_per_address_per_second: few, connects_burst: few, ..Config::default() }
    }

    #[test]
    fn each_address_has_its_quota_and_each_network_of_ipv6() {
        let admission = Admission::new(&config());
        let refused = |address: &str| {
            let address: IpAddr = address.parse().unwrap();
            (0..6).find_map(|_| admission.admit_address(address).err())
        };
        let fault = refused("192.0.2.1").expect("the sixth");
        assert_eq!(fault.code, Code::RateLimited);
        assert!(fault.retry_after.is_some());
        let again: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        assert!(admission.admit_address(again).is_err(), "the same, in IPv6's spelling");
        assert!(refused("2001:db8::1").is_some());
        assert!(admission.admit_address("2001:db8::ffff:2".parse().unwrap()).is_err());
        assert!(admission.admit_address("2001:db8:0:1::1".parse().unwrap()).is_ok());
    }

    #[test]
    fn the_memory_for_addresses_is_bounded() {
        let admission = Admission::new(&config());
        for number in 0..200_000_u128 {
            let _verdict = admission.admit_address(Ipv6Addr::from(number << 64).into());
        }
        assert!(admission.addresses.len() <= super::ADDRESSES_MAX + 1);
    }

    #[test]
    fn asking_spends_nothing_and_the_burst_comes_back() {
        let [one, few] = [1, 3].map(|number| number.try_into().unwrap());
        let rate = super::SessionRate::new(one, few);
        let now = Instant::now();
        for _ in 0..10 {
            assert!(rate.wait(now).is_zero());
        }
        for _ in 0..3 {
            assert_eq!(rate.spend(now), Ok(()));
        }
        assert!(rate.spend(now).is_err_and(|wait| wait <= Duration::from_secs(1)));
        let later = now + Duration::from_millis(1_100);
        assert_eq!(rate.spend(later), Ok(()));
        assert!(rate.spend(later).is_err());
        let much_later = now + Duration::from_mins(1);
        assert_eq!((0..5).filter(|_| rate.spend(much_later).is_ok()).count(), 3);
    }

    #[test]
    fn refused_sessions_come_back_at_different_times() {
        let config = Config { connects_per_second: 1.try_into().unwrap(), ..config() };
        let admission = Admission::new(&config);
        let refused: Vec<_> = (0..30).filter_map(|_| admission.admit_session().err()).collect();
        assert!(refused.len() >= 20);
        let times: HashSet<_> = refused.iter().filter_map(|fault| fault.retry_after).collect();
        assert!(times.len() > 10);
    }
}
