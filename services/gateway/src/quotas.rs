//! How many rooms a user may make, and how many people they may add to rooms, in the whole cluster.
//!
//! Unlike the rates of requests these are claimed in the cluster's accounts before anything is done: it
//! is off the message path, and what is exceeded here is in somebody else's list of rooms. What was not
//! used is given back. While the accounts cannot be reached, each gateway allows half by itself.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use hubbub_domain::{Code, Fault, UserId};
use hubbub_ephemeral::{Ephemeral, Rate, Spending};

use crate::config::UsersConfig;

/// What is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    RoomsMade,
    PeopleAdded,
}

pub(crate) struct Quotas {
    state: Arc<dyn Ephemeral>,
    rooms_made: Limit,
    people_added: Limit,
}

struct Limit {
    rate: Rate,
    /// While the cluster's accounts cannot be reached.
    alone: DefaultKeyedRateLimiter<UserId>,
}

/// An amount that was claimed, to be [settled](Quotas::settle).
pub(crate) struct Claimed {
    kind: Kind,
    spending: Spending,
    in_cluster: bool,
}

impl Limit {
    fn new(per_hour: NonZeroU32, burst: NonZeroU32) -> Self {
        let interval = Duration::from_hours(1) / per_hour.get();
        let half = NonZeroU32::new(burst.get() / 2).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(2 * interval).expect("an hour is not nothing");
        let rate = Rate { burst: burst.get(), interval };
        Self { rate, alone: RateLimiter::keyed(quota.allow_burst(half)) }
    }

    /// The accounts are back: what was counted here while they were gone ends by itself.
    fn forget_outage(&self) {
        if !self.alone.is_empty() {
            self.alone.retain_recent();
            self.alone.shrink_to_fit();
        }
    }

    fn claim_alone(&self, user: &UserId, amount: u32) -> Option<Duration> {
        let half = (self.rate.burst / 2).max(1);
        let amount = NonZeroU32::new(amount.min(half))?;
        match self.alone.check_key_n(user, amount) {
            Ok(Ok(())) => None,
            Ok(Err(until)) => Some(until.wait_time_from(DefaultClock::default().now())),
            // The amount is within the burst.
            Err(_) => Some(self.rate.interval),
        }
    }
}

impl Quotas {
    pub(crate) fn new(config: &UsersConfig, state: Arc<dyn Ephemeral>) -> Self {
        Self {
            state,
            rooms_made: Limit::new(config.rooms_made_per_hour, config.rooms_made_burst),
            people_added: Limit::new(config.people_added_per_hour, config.people_added_burst),
        }
    }

    /// Claims an amount, all of it or nothing. One that is larger than the burst takes all of the burst.
    pub(crate) async fn claim(
        &self,
        user: &UserId,
        kind: Kind,
        amount: usize,
    ) -> Result<Claimed, Fault> {
        let limit = self.limit(kind);
        let amount = u32::try_from(amount).unwrap_or(u32::MAX).min(limit.rate.burst);
        let key = format!("{}:{user}", kind.name());
        let spending = Spending { key, amount, rate: limit.rate };
        let claimed = |in_cluster| Claimed { kind, spending: spending.clone(), in_cluster };
        if amount == 0 {
            return Ok(claimed(false));
        }
        match self.state.claim_rate(&spending).await {
            Ok(answer) => {
                limit.forget_outage();
                answer.map_or_else(|| Ok(claimed(true)), |wait| Err(refusal(kind, wait)))
            }
            Err(error) => {
                tracing::debug!(%error, "a quota is counted on this gateway alone");
                match limit.claim_alone(user, amount) {
                    None => Ok(claimed(false)),
                    Some(wait) => Err(refusal(kind, wait)),
                }
            }
        }
    }

    /// Gives back what was claimed and not used.
    pub(crate) async fn settle(&self, claimed: Claimed, used: usize) {
        let Claimed { kind, mut spending, in_cluster } = claimed;
        let used = u32::try_from(used).unwrap_or(u32::MAX);
        spending.amount = spending.amount.saturating_sub(used);
        if !in_cluster || spending.amount == 0 {
            return;
        }
        if let Err(error) = self.state.give_rate_back(&spending).await {
            tracing::debug!(%error, ?kind, "a part of a quota stays claimed");
        }
    }

    const fn limit(&self, kind: Kind) -> &Limit {
        match kind {
            Kind::RoomsMade => &self.rooms_made,
            Kind::PeopleAdded => &self.people_added,
        }
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::RoomsMade => "rooms_made",
            Self::PeopleAdded => "people_added",
        }
    }
}

fn refusal(kind: Kind, wait: Duration) -> Fault {
    let text = match kind {
        Kind::RoomsMade => "too many rooms were made; make more later",
        Kind::PeopleAdded => "too many users were added to rooms; add more later",
    };
    Fault::new(Code::RateLimited, text).retry_after(wait.max(Duration::from_millis(1)))
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, sync::Arc};

    use hubbub_domain::{Code, SystemClock, UserId};
    use tokio::time::{Duration, advance};

    use super::{Kind, Quotas};
    use crate::config::UsersConfig;

    #[tokio::test(start_paused = true)]
    async fn a_quota_is_the_users_in_the_whole_cluster_and_comes_back_with_time() {
        let number = |n| NonZeroU32::new(n).expect("more than zero");
        let config = UsersConfig {
            people_added_per_hour: number(60),
            people_added_burst: number(10),
            ..UsersConfig::default()
        };
        let state = hubbub_ephemeral::local(Arc::new(SystemClock));
        let nodes = [0, 1].map(|_| Quotas::new(&config, Arc::clone(&state)));
        let [alice, bob] = ["alice", "bob"].map(|name| UserId::parse(name).expect("valid"));
        let claim = async |node: usize, user: &UserId, amount| {
            nodes[node].claim(user, Kind::PeopleAdded, amount).await
        };
        let claimed = claim(0, &alice, 6).await.expect("within the quota");
        let refused = claim(1, &alice, 5).await.err().expect("6 are claimed on the other node");
        assert_eq!(refused.code, Code::RateLimited);
        assert_eq!(refused.retry_after, Some(Duration::from_mins(1)));
        nodes[0].settle(claimed, 5).await;
        drop(claim(1, &alice, 5).await.expect("one was given back"));
        assert!(claim(0, &alice, 1).await.is_err());
        drop(claim(0, &bob, 1_000).await.expect("more than the burst takes all of it"));
        assert!(claim(1, &bob, 1).await.is_err());
        advance(Duration::from_mins(2)).await;
        drop(claim(0, &alice, 2).await.expect("two minutes are two"));
        assert!(claim(0, &alice, 1).await.is_err());
        drop(nodes[0].claim(&alice, Kind::RoomsMade, 1).await.expect("another quota"));
    }
}
