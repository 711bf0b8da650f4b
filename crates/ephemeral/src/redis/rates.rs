//! Accounts in Redis: a number for each key that is in use, gone when it has caught up.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use crc16::{State, XMODEM};
use futures::future::try_join_all;

use super::Redis;
use crate::{Balance, EphemeralError, Rates, Spending, rates::DEBT_MAX};

const BUCKETS: u16 = 32;
/// Spendings in one script, so that no call keeps Redis busy for long.
const SPENDINGS_PER_CALL: usize = 500;

#[async_trait]
impl Rates for Redis {
    async fn spend(&self, spendings: &[Spending]) -> Result<Vec<Balance>, EphemeralError> {
        let mut buckets: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for (place, spending) in spendings.iter().enumerate() {
            buckets.entry(bucket(&spending.key)).or_default().push(place);
        }
        let mut calls = Vec::new();
        for (bucket, places) in &buckets {
            for places in places.chunks(SPENDINGS_PER_CALL) {
                let mut call = self.scripts.rates_spend.prepare_invoke();
                call.arg(micros(DEBT_MAX));
                for place in places {
                    let Spending { key, amount, rate } = &spendings[*place];
                    call.key(self.key(&format!("r{bucket}"), key));
                    call.arg(*amount).arg(micros(rate.interval)).arg(rate.burst);
                }
                calls.push((places, call));
            }
        }
        let answers = calls.iter().map(|(_, call)| self.link.invoke::<Vec<(u64, u64)>>(call));
        let answers = try_join_all(answers).await?;
        let mut balances = vec![Balance::default(); spendings.len()];
        for ((places, _), answer) in calls.iter().zip(answers) {
            for (place, (over, wait)) in places.iter().zip(answer) {
                let [over, wait] = [over, wait].map(Duration::from_micros);
                balances[*place] = Balance { over, wait };
            }
        }
        Ok(balances)
    }

    async fn claim_rate(&self, claim: &Spending) -> Result<Option<Duration>, EphemeralError> {
        let mut call = self.scripts.rates_claim.prepare_invoke();
        call.key(self.account(&claim.key)).arg(claim.amount);
        call.arg(micros(claim.rate.interval)).arg(claim.rate.burst);
        let over: u64 = self.link.invoke(&call).await?;
        Ok((over > 0).then(|| Duration::from_micros(over)))
    }

    async fn give_rate_back(&self, claim: &Spending) -> Result<(), EphemeralError> {
        let mut call = self.scripts.rates_give_back.prepare_invoke();
        call.key(self.account(&claim.key)).arg(claim.amount).arg(micros(claim.rate.interval));
        self.link.invoke(&call).await
    }
}

impl Redis {
    fn account(&self, key: &str) -> String {
        self.key(&format!("r{}", bucket(key)), key)
    }
}

fn bucket(key: &str) -> u16 {
    State::<XMODEM>::calculate(key.as_bytes()) % BUCKETS
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
