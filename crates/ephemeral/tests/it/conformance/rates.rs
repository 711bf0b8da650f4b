//! What is said of rates.

use std::time::Duration;

use hubbub_ephemeral::{Balance, DEBT_MAX, Rate, Spending};
use hubbub_testkit::eventually;
use tokio::sync::Mutex;

use super::State;
use crate::DEADLINE;

const RATE: Rate = Rate { burst: 10, interval: Duration::from_millis(200) };

fn spending(key: &str, amount: u32) -> Spending {
    Spending { key: key.to_owned(), amount, rate: RATE }
}

async fn spend(state: &State, key: &str, amount: u32) -> Balance {
    state.spend(&[spending(key, amount)]).await.unwrap()[0]
}

pub(crate) async fn what_is_spent_beyond_the_burst_has_to_be_waited_for(state: State) {
    assert_eq!(spend(&state, "alice", 9).await, Balance::default());
    let full = spend(&state, "alice", 1).await;
    assert_eq!(full.over, Duration::ZERO);
    assert!(full.wait <= RATE.interval, "{full:?}");
    let over = spend(&state, "alice", 20).await;
    // 20 intervals, less what passed since the first call.
    assert!(over.over <= RATE.interval * 20 && over.over > RATE.interval * 10, "{over:?}");
    assert_eq!(over.wait, over.over + RATE.interval);
    assert_eq!(spend(&state, "bob", 1).await, Balance::default());
    let last = Mutex::new(over.over);
    eventually(DEADLINE, || async {
        // Nothing is spent: only the time that passes pays.
        let over = spend(&state, "alice", 0).await.over;
        assert!(over <= *last.lock().await);
        *last.lock().await = over;
        over.is_zero()
    })
    .await;
}

pub(crate) async fn many_are_counted_at_once_and_a_debt_has_a_bound(state: State) {
    let spendings: Vec<_> = (0..1_000).map(|n| spending(&format!("user{n}"), n)).collect();
    let balances = state.spend(&spendings).await.unwrap();
    for (n, balance) in (0..1_000).zip(&balances) {
        assert_eq!(balance.over.is_zero(), n <= RATE.burst, "{n}: {balance:?}");
        assert!(balance.over <= DEBT_MAX);
    }
    assert_eq!(balances[999].over, DEBT_MAX);
    assert_eq!(state.spend(&[]).await, Ok(vec![]));
}

pub(crate) async fn a_claim_is_all_or_nothing_and_can_be_given_back(state: State) {
    const SLOW: Rate = Rate { burst: 10, interval: Duration::from_mins(1) };

    let of = |amount| Spending { key: "alice".to_owned(), amount, rate: SLOW };
    assert_eq!(state.claim_rate(&of(6)).await, Ok(None));
    let wait = state.claim_rate(&of(5)).await.unwrap().expect("6 of 10 are taken");
    assert!(wait <= SLOW.interval && wait > SLOW.interval / 2, "{wait:?}");
    assert_eq!(state.claim_rate(&of(4)).await, Ok(None), "nothing was written");
    assert!(state.claim_rate(&of(1)).await.unwrap().is_some());
    assert_eq!(state.give_rate_back(&of(3)).await, Ok(()));
    assert_eq!(state.claim_rate(&of(3)).await, Ok(None));
    assert!(state.claim_rate(&of(1)).await.unwrap().is_some());
    assert_eq!(state.give_rate_back(&of(100)).await, Ok(()));
    assert_eq!(state.claim_rate(&of(10)).await, Ok(None), "never more than the burst");
    assert!(state.claim_rate(&of(1)).await.unwrap().is_some());
    let other = Spending { key: "bob".to_owned(), ..of(10) };
    assert_eq!(state.claim_rate(&other).await, Ok(None));
}
