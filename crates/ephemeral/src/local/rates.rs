//! Accounts within one process.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::Local;
use crate::{Balance, EphemeralError, Rates, Spending, rates::DEBT_MAX};

#[async_trait]
impl Rates for Local {
    async fn spend(&self, spendings: &[Spending]) -> Result<Vec<Balance>, EphemeralError> {
        let mut accounts = self.accounts.lock();
        let now = Instant::now();
        let spend = |Spending { key, amount, rate }: &Spending| {
            let burst = rate.interval * rate.burst;
            let owed = accounts.get(key).map_or(Duration::ZERO, |entry| entry.ends - now);
            let owed = (owed + rate.interval * *amount).min(burst + DEBT_MAX);
            accounts.insert(key.clone(), (), owed);
            let wait = (owed + rate.interval).saturating_sub(burst);
            Balance { over: owed.saturating_sub(burst), wait }
        };
        Ok(spendings.iter().map(spend).collect())
    }

    async fn claim_rate(&self, claim: &Spending) -> Result<Option<Duration>, EphemeralError> {
        let Spending { key, amount, rate } = claim;
        let mut accounts = self.accounts.lock();
        let now = Instant::now();
        let owed = accounts.get(key).map_or(Duration::ZERO, |entry| entry.ends - now);
        let owed = owed + rate.interval * *amount;
        let over = owed.saturating_sub(rate.interval * rate.burst);
        if over.is_zero() {
            accounts.insert(key.clone(), (), owed);
        }
        Ok((!over.is_zero()).then_some(over))
    }

    async fn give_rate_back(&self, claim: &Spending) -> Result<(), EphemeralError> {
        let Spending { key, amount, rate } = claim;
        let mut accounts = self.accounts.lock();
        let now = Instant::now();
        let owed = accounts.get(key).map_or(Duration::ZERO, |entry| entry.ends - now);
        accounts.insert(key.clone(), (), owed.saturating_sub(rate.interval * *amount));
        Ok(())
    }
}
