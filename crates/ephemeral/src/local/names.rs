//! Names within one process.

use std::time::Duration;

use async_trait::async_trait;

use super::Local;
use crate::{Claim, EphemeralError, Name, Names};

#[async_trait]
impl Names for Local {
    async fn claim(
        &self,
        scope: &str,
        names: &[Name],
        ttl: Duration,
    ) -> Result<Vec<Claim>, EphemeralError> {
        let mut scopes = self.names.lock();
        let held = scopes.entry(scope.to_owned()).or_default();
        let claim = |Name { key, owner }: &Name| {
            if held.get(key).is_some_and(|entry| entry.value != *owner) {
                return Claim::Taken;
            }
            held.insert(key.clone(), owner.clone(), ttl);
            Claim::Held
        };
        Ok(names.iter().map(claim).collect())
    }

    async fn release(&self, scope: &str, names: &[Name]) -> Result<(), EphemeralError> {
        let mut scopes = self.names.lock();
        let Some(held) = scopes.get_mut(scope) else { return Ok(()) };
        for Name { key, owner } in names {
            if held.get(key).is_some_and(|entry| entry.value == *owner) {
                held.remove(key);
            }
        }
        if held.iter().next().is_none() {
            scopes.remove(scope);
        }
        Ok(())
    }

    async fn owner(&self, scope: &str, key: &str) -> Result<Option<String>, EphemeralError> {
        let scopes = self.names.lock();
        Ok(scopes.get(scope).and_then(|held| held.get(key)).map(|entry| entry.value.clone()))
    }

    async fn count(&self, scope: &str) -> Result<u64, EphemeralError> {
        let scopes = self.names.lock();
        Ok(scopes.get(scope).map_or(0, |held| held.iter().count()) as u64)
    }
}
