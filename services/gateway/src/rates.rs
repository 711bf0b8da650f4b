//! How fast one user may ask, over all of their connections and requests in the whole cluster.
//!
//! A request waits for nobody: it is judged here, by what this node knows, and counted in the cluster's
//! accounts right after. What a user spent on several nodes beyond the rate is a debt: they are refused
//! on every node they ask until it is paid. So over time the rate is exact; at once, a user may spend at
//! most one burst on each node. While the accounts cannot be reached each node allows half.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dashmap::DashMap;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use hubbub_client_protocol::Command;
use hubbub_domain::{Code, Fault, UserId};
use hubbub_ephemeral::{Balance, Ephemeral, Rate, Spending};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use crate::config::UsersConfig;

/// Between two calls to the cluster's accounts; what came meanwhile goes together.
const COUNTED_EVERY: Duration = Duration::from_millis(100);
/// After a failure the accounts are left alone for so long.
const PAUSE: Duration = Duration::from_millis(500);
/// Users and classes whose spending waits to be counted. Beyond it only this node counts them.
const UNCOUNTED_MAX: usize = 100_000;
/// How far the cluster's clock and this node's may disagree on when something was spent.
const TOLERANCE: Duration = Duration::from_millis(250);

/// So many rooms of a session that begins count as much as the session.
const ROOMS_PER_OPENING: usize = 200;

/// What is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Class {
    Messages,
    Requests,
    /// Sessions that begin.
    Openings,
}

type Account = (UserId, Class);

pub(crate) struct Rates {
    messages: Limiter,
    requests: Limiter,
    openings: Limiter,
    /// Spent here, and not yet counted.
    uncounted: Mutex<HashMap<Account, u32>>,
    spent: Notify,
    /// Who is in debt, and until when.
    debts: DashMap<Account, Instant>,
    /// The accounts could not be reached.
    alone: AtomicBool,
}

struct Limiter {
    /// The most that may be spent at once, while each node is alone.
    burst: NonZeroU32,
    rate: Rate,
    usual: DefaultKeyedRateLimiter<UserId>,
    /// While nobody knows what the user spends elsewhere.
    alone: DefaultKeyedRateLimiter<UserId>,
}

impl Limiter {
    fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let half =
            |number: NonZeroU32| NonZeroU32::new(number.get() / 2).unwrap_or(NonZeroU32::MIN);
        let limiter = |per_second, burst| {
            RateLimiter::keyed(Quota::per_second(per_second).allow_burst(burst))
        };
        Self {
            burst: half(burst),
            rate: Rate { burst: burst.get(), interval: Duration::from_secs(1) / per_second.get() },
            usual: limiter(per_second, burst),
            alone: limiter(half(per_second), half(burst)),
        }
    }
}

impl Class {
    const fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Requests => "requests",
            Self::Openings => "new sessions",
        }
    }
}

impl Rates {
    pub(crate) fn new(config: &UsersConfig) -> Self {
        Self {
            messages: Limiter::new(config.sends_per_second, config.sends_burst),
            requests: Limiter::new(config.requests_per_second, config.requests_burst),
            openings: Limiter::new(config.openings_per_second, config.openings_burst),
            uncounted: Mutex::default(),
            spent: Notify::new(),
            debts: DashMap::new(),
            alone: AtomicBool::new(false),
        }
    }

    /// Counts a command against its user's rate; at the bound the fault says when to come back.
    pub(crate) fn admit(&self, user: &UserId, command: &Command) -> Result<(), Fault> {
        match command {
            Command::Send(_) => self.admit_to(user, Class::Messages, NonZeroU32::MIN),
            // Coalesced first: the core counts what is left of them.
            Command::Typing(_) | Command::Delivered(_) => Ok(()),
            _ => self.admit_other(user),
        }
    }

    /// Counts what is not a message, or not even a command.
    pub(crate) fn admit_other(&self, user: &UserId) -> Result<(), Fault> {
        self.admit_to(user, Class::Requests, NonZeroU32::MIN)
    }

    /// Counts a session that begins, however its user comes back and from wherever: before anything is
    /// asked for it.
    pub(crate) fn admit_opening(&self, user: &UserId) -> Result<(), Fault> {
        self.admit_to(user, Class::Openings, NonZeroU32::MIN)
    }

    /// Counts the rooms that a session is about to look into: of many they are what it costs.
    pub(crate) fn admit_rooms(&self, user: &UserId, rooms: usize) -> Result<(), Fault> {
        let amount = u32::try_from(rooms / ROOMS_PER_OPENING).unwrap_or(u32::MAX);
        let Some(amount) = NonZeroU32::new(amount) else { return Ok(()) };
        self.admit_to(user, Class::Openings, amount.min(self.openings.burst))
    }

    fn admit_to(&self, user: &UserId, class: Class, amount: NonZeroU32) -> Result<(), Fault> {
        let account = (user.clone(), class);
        if let Some(until) = self.debts.get(&account).map(|until| *until) {
            let wait = until.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                return Err(refusal(class, wait));
            }
            self.debts.remove_if(&account, |_, known| *known == until);
        }
        let limiter = self.limiter(class);
        let alone = self.alone.load(Ordering::Relaxed);
        let limiter = if alone { &limiter.alone } else { &limiter.usual };
        limiter
            .check_key_n(user, amount)
            .expect("no more than a burst")
            .map_err(|until| refusal(class, until.wait_time_from(DefaultClock::default().now())))?;
        let mut uncounted = self.uncounted.lock();
        let first = uncounted.is_empty();
        if uncounted.len() < UNCOUNTED_MAX || uncounted.contains_key(&account) {
            *uncounted.entry(account).or_default() += amount.get();
        }
        drop(uncounted);
        if first {
            self.spent.notify_one();
        }
        Ok(())
    }

    /// Counts in the cluster's accounts what was spent here. Runs for the life of the gateway.
    pub(crate) async fn count(self: Arc<Self>, state: Arc<dyn Ephemeral>) {
        loop {
            self.spent.notified().await;
            tokio::time::sleep(COUNTED_EVERY).await;
            let spent: Vec<(Account, u32)> = self.uncounted.lock().drain().collect();
            let spending = |((user, class), amount): &(Account, u32)| Spending {
                key: format!("{}:{user}", class.name()),
                amount: *amount,
                rate: self.limiter(*class).rate,
            };
            let spendings: Vec<Spending> = spent.iter().map(spending).collect();
            match state.spend(&spendings).await {
                Ok(balances) => {
                    self.alone.store(false, Ordering::Relaxed);
                    for ((account, _), balance) in spent.into_iter().zip(balances) {
                        self.note(account, balance);
                    }
                }
                Err(error) => {
                    if !self.alone.swap(true, Ordering::Relaxed) {
                        tracing::warn!(%error, "rates are counted on each node alone");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn note(&self, account: Account, balance: Balance) {
        if balance.over > self.limiter(account.1).rate.interval + TOLERANCE {
            self.debts.insert(account, Instant::now() + balance.wait);
        }
    }

    const fn limiter(&self, class: Class) -> &Limiter {
        match class {
            Class::Messages => &self.messages,
            Class::Requests => &self.requests,
            Class::Openings => &self.openings,
        }
    }

    /// Forgets users who have been quiet; to be called from time to time.
    pub(crate) fn forget_quiet(&self) {
        for limiter in [&self.messages, &self.requests, &self.openings] {
            for limiter in [&limiter.usual, &limiter.alone] {
                limiter.retain_recent();
                limiter.shrink_to_fit();
            }
        }
        let now = Instant::now();
        self.debts.retain(|_, until| *until > now);
    }
}

fn refusal(class: Class, wait: Duration) -> Fault {
    let wait = wait.max(Duration::from_millis(1));
    let text = format!("too many {}; slow down", class.name());
    Fault::new(Code::RateLimited, text).retry_after(wait)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hubbub_domain::{Code, SystemClock, UserId};
    use tokio::time::{Duration, Instant, advance, sleep};

    use super::{COUNTED_EVERY, Rates, TOLERANCE};
    use crate::config::UsersConfig;

    fn user(name: &str) -> UserId {
        UserId::parse(name).expect("valid")
    }

    #[test]
    fn the_refusal_says_when_to_come_back_and_is_one_users_alone() {
        let rates = Rates::new(&UsersConfig::default());
        let [alice, bob] = ["alice", "bob"].map(user);
        let refused = (0..1_000).find_map(|_| rates.admit_other(&alice).err()).expect("a bound");
        assert_eq!(refused.code, Code::RateLimited);
        assert!(refused.retry_after.is_some());
        assert_eq!(rates.admit_other(&bob), Ok(()));
    }

    #[test]
    fn sessions_of_many_rooms_spend_more_of_their_users_budget() {
        let rates = Rates::new(&UsersConfig::default());
        let [few, many, more] = ["few", "many", "more"].map(user);
        let openings = |user, rooms| {
            let opened = || rates.admit_opening(user).and_then(|()| rates.admit_rooms(user, rooms));
            (0..1_000).take_while(|_| opened().is_ok()).count()
        };
        let (few, many, more) =
            (openings(&few, 10), openings(&many, 2_000), openings(&more, 5_000));
        assert!((100..200).contains(&few), "{few}");
        assert!((8..20).contains(&many), "{many}");
        assert!((3..8).contains(&more), "{more}");
        let huge = user("huge");
        assert_eq!(rates.admit_rooms(&huge, usize::MAX), Ok(()), "it can be let in at least once");
        assert_eq!(rates.admit_opening(&huge).map(drop), Ok(()));
    }

    /// What is admitted at once on two nodes is a debt on both of them, and is paid.
    #[tokio::test(start_paused = true)]
    async fn what_is_spent_on_several_nodes_has_to_be_paid() {
        let state = hubbub_ephemeral::local(Arc::new(SystemClock));
        let config = UsersConfig::default();
        let nodes = [0, 1].map(|_| Arc::new(Rates::new(&config)));
        let [alice, bob] = ["alice", "bob"].map(user);
        let burst = config.requests_burst.get();
        let mut counting = tokio::task::JoinSet::new();
        for node in &nodes {
            counting.spawn(Arc::clone(node).count(Arc::clone(&state)));
            for _ in 0..burst {
                assert_eq!(node.admit_other(&alice), Ok(()), "each node knows its own part");
            }
            assert_eq!(node.admit_other(&bob), Ok(()));
        }
        // Both parts have to be counted; on a clock that stands still this takes no time.
        sleep(2 * COUNTED_EVERY).await;
        let refused = nodes.iter().filter_map(|node| node.admit_other(&alice).err());
        let waits: Vec<_> = refused.filter_map(|fault| fault.retry_after).collect();
        let debt = Duration::from_secs(burst.into()) / config.requests_per_second.get();
        let longest = waits.iter().max().expect("one of them knows at least");
        assert!(*longest > debt / 2 && *longest <= debt + TOLERANCE, "{longest:?} of {debt:?}");
        for node in &nodes {
            assert_eq!(node.admit_other(&bob), Ok(()), "others are not concerned");
        }
        let begun = Instant::now();
        advance(*longest).await;
        assert!(begun.elapsed() >= *longest);
        for node in &nodes {
            let fault = node.admit_other(&alice).err();
            // This node's own clock does not stand still; only the debt is judged here.
            let waits = fault.and_then(|fault| fault.retry_after).unwrap_or_default();
            assert!(waits < Duration::from_secs(1), "the debt is paid: {waits:?}");
        }
    }
}
