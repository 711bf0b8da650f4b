//! Names in Redis: a scope is one slot.

use std::time::Duration;

use async_trait::async_trait;

use super::{Redis, link::millis};
use crate::{Claim, EphemeralError, Name, Names};

/// Names in one script, so that no call keeps Redis busy for long.
const NAMES_PER_CALL: usize = 500;

impl Redis {
    fn name_keys(&self, scope: &str) -> [String; 2] {
        let tag = format!("names:{scope}");
        [self.key(&tag, "due"), self.key(&tag, "owner")]
    }
}

#[async_trait]
impl Names for Redis {
    async fn claim(
        &self,
        scope: &str,
        names: &[Name],
        ttl: Duration,
    ) -> Result<Vec<Claim>, EphemeralError> {
        let mut claims = Vec::with_capacity(names.len());
        for names in names.chunks(NAMES_PER_CALL) {
            let mut call = self.scripts.names_claim.prepare_invoke();
            call.key(&self.name_keys(scope)[..]).arg(millis(ttl));
            for name in names {
                call.arg(&name.key).arg(&name.owner);
            }
            let held: Vec<bool> = self.link.invoke(&call).await?;
            claims.extend(held.into_iter().map(
                |held| {
                    if held { Claim::Held } else { Claim::Taken }
                },
            ));
        }
        Ok(claims)
    }

    async fn release(&self, scope: &str, names: &[Name]) -> Result<(), EphemeralError> {
        for names in names.chunks(NAMES_PER_CALL) {
            let mut call = self.scripts.names_release.prepare_invoke();
            call.key(&self.name_keys(scope)[..]);
            for name in names {
                call.arg(&name.key).arg(&name.owner);
            }
            let () = self.link.invoke(&call).await?;
        }
        Ok(())
    }

    async fn owner(&self, scope: &str, key: &str) -> Result<Option<String>, EphemeralError> {
        let mut call = self.scripts.names_owner.prepare_invoke();
        call.key(&self.name_keys(scope)[..]).arg(key);
        self.link.invoke(&call).await
    }

    async fn count(&self, scope: &str) -> Result<u64, EphemeralError> {
        let mut call = self.scripts.names_count.prepare_invoke();
        call.key(&self.name_keys(scope)[..1]);
        self.link.invoke(&call).await
    }
}
