//! How fast clients may come: each address by itself, and all of them together.
//!
//! Memory is bounded: addresses that have recovered their whole quota are forgotten, and while more
//! than [`ADDRESSES_MAX`] have not, all share one quota.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock, QuantaInstant},
};
use hubbub_domain::{Code, Fault};

use super::Config;

/// Addresses remembered one by one.
const ADDRESSES_MAX: usize = 65_536;
/// Every so many checks the recovered ones are forgotten.
const CHECKS_PER_CLEANING: u64 = 1_024;
/// The shortest time after which a refused client is told to come back.
const RETRY_AFTER_MIN: Duration = Duration::from_secs(1);

/// The rates at which connections and sessions are let in.
#[derive(Debug)]
pub struct Admission {
    addresses: DefaultKeyedRateLimiter<Key>,
    sessions: DefaultDirectRateLimiter,
    checks: AtomicU64,
    clock: DefaultClock,
    retry_spread: Duration,
}

/// Whose quota it is. A household or a host has a /64 of IPv6 for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    V4([u8; 4]),
    V6(u64),
    /// Everybody, while there are too many to tell apart.
    Shared,
}

impl Key {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let network = u64::try_from(address.to_bits() >> 64).expect("64 bits are left");
                Self::V6(network)
            }
        }
    }
}

impl Admission {
    pub fn new(config: &Config) -> Self {
        let per_address = Quota::per_second(config.connects_per_address_per_second);
        let sessions =
            Quota::per_second(config.connects_per_second).allow_burst(config.connects_burst);
        Self {
            addresses: RateLimiter::keyed(per_address),
            sessions: RateLimiter::direct(sessions),
            checks: AtomicU64::new(1),
            clock: DefaultClock::default(),
            retry_spread: config.retry_spread,
        }
    }

    /// One more connection from this address.
    pub fn admit_address(&self, address: IpAddr) -> Result<(), Fault> {
        if self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(CHECKS_PER_CLEANING) {
            self.addresses.retain_recent();
        }
        let full = self.addresses.len() >= ADDRESSES_MAX;
        let key = if full { Key::Shared } else { Key::of(address) };
        self.addresses.check_key(&key).map_err(|until| {
            Fault::new(Code::RateLimited, "too many new connections from your address")
                .retry_after(self.wait(&until).max(RETRY_AFTER_MIN))
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

    /// One more session, from wherever. Those refused are spread over some time, so that a storm
    /// does not come back as one.
    pub fn admit_session(&self) -> Result<(), Fault> {
        self.sessions.check().map_err(|until| {
            Fault::unavailable("too many clients are connecting at once")
                .retry_after(self.wait(&until).max(RETRY_AFTER_MIN) + self.spread())
        })
    }

    fn wait(&self, until: &NotUntil<QuantaInstant>) -> Duration {
        until.wait_time_from(self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        net::{IpAddr, Ipv6Addr},
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
    fn refused_sessions_come_back_at_different_times() {
        let config = Config { connects_per_second: 1.try_into().unwrap(), ..config() };
        let admission = Admission::new(&config);
        let refused: Vec<_> = (0..30).filter_map(|_| admission.admit_session().err()).collect();
        assert!(refused.len() >= 20);
        let times: HashSet<_> = refused.iter().filter_map(|fault| fault.retry_after).collect();
        assert!(times.len() > 10);
    }
}
