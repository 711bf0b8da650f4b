//! How fast one user may ask, over all of their connections and requests on this node.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use hubbub_client_protocol::Command;
use hubbub_domain::{Code, Fault, UserId};

use crate::config::UsersConfig;

pub(crate) struct Rates {
    sends: DefaultKeyedRateLimiter<UserId>,
    requests: DefaultKeyedRateLimiter<UserId>,
}

impl Rates {
    pub(crate) fn new(config: &UsersConfig) -> Self {
        Self {
            sends: RateLimiter::keyed(quota(config.sends_per_second, config.sends_burst)),
            requests: RateLimiter::keyed(quota(config.requests_per_second, config.requests_burst)),
        }
    }

    /// Counts a command against its user's rate; at the bound the fault says when to come back.
    pub(crate) fn admit(&self, user: &UserId, command: &Command) -> Result<(), Fault> {
        match command {
            Command::Send(_) => admit(&self.sends, user, "messages"),
            _ => self.admit_other(user),
        }
    }

    /// Counts what is not a message, or not even a command.
    pub(crate) fn admit_other(&self, user: &UserId) -> Result<(), Fault> {
        admit(&self.requests, user, "requests")
    }

    /// Forgets users who have been quiet; to be called from time to time.
    pub(crate) fn forget_quiet(&self) {
        for limiter in [&self.sends, &self.requests] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

fn quota(per_second: NonZeroU32, burst: NonZeroU32) -> Quota {
    Quota::per_second(per_second).allow_burst(burst)
}

fn admit(
    limiter: &DefaultKeyedRateLimiter<UserId>,
    user: &UserId,
    what: &str,
) -> Result<(), Fault> {
    limiter.check_key(user).map_err(|until| {
        let delay = until.wait_time_from(DefaultClock::default().now());
        let delay = delay.max(Duration::from_millis(1));
        Fault::new(Code::RateLimited, format!("too many {what}; slow down")).retry_after(delay)
    })
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{Code, UserId};

    use super::Rates;
    use crate::config::UsersConfig;

    #[test]
    fn the_refusal_says_when_to_come_back_and_is_one_users_alone() {
        let rates = Rates::new(&UsersConfig::default());
        let [alice, bob] = ["alice", "bob"].map(|name| UserId::parse(name).unwrap());
        let refused = (0..1_000).find_map(|_| rates.admit_other(&alice).err()).expect("a bound");
        assert_eq!(refused.code, Code::RateLimited);
        assert!(refused.retry_after.is_some());
        assert_eq!(rates.admit_other(&bob), Ok(()));
    }
}
