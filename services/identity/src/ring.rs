//! The signing keys in memory: the same on all instances within `keys.reload_interval`, turned by
//! whichever instance comes first.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use hubbub_auth::{MintError, Minter, NewToken, SigningKey, key_set};
use hubbub_domain::{Clock, Timestamp};
use hubbub_runtime::lifecycle::Lifecycle;

use crate::{
    config::Config,
    error::StoreError,
    keys::{KeyRule, StoredKey, Turn, signer},
    store::Store,
};

/// Access tokens are judged with some leeway for clocks: their keys stay a little longer than they.
const KEPT_LONGER: Duration = Duration::from_mins(5);

pub(crate) struct Ring {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    rule: KeyRule,
    reload_interval: Duration,
    issuer: String,
    audience: String,
    known: ArcSwap<Known>,
}

struct Known {
    stored: Vec<StoredKey>,
    keys: Vec<SigningKey>,
}

impl Ring {
    /// Reads the keys, and makes the first one if there is none.
    pub(crate) async fn open(
        config: &Config,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, StoreError> {
        let ring = Arc::new(Self {
            store,
            clock,
            rule: KeyRule {
                lifetime: config.keys.lifetime,
                publish_ahead: config.keys.publish_ahead,
                kept: config.access_lifetime + KEPT_LONGER,
            },
            reload_interval: config.keys.reload_interval,
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            known: ArcSwap::from_pointee(Known { stored: Vec::new(), keys: Vec::new() }),
        });
        ring.keep_up().await?;
        Ok(ring)
    }

    /// Turns the keys when it is time, and learns what others did, until the drain.
    pub(crate) fn start(self: &Arc<Self>, lifecycle: &Lifecycle) {
        let (ring, drain) = (Arc::clone(self), lifecycle.drain.clone());
        lifecycle.spawn("identity_keys", async move {
            let mut ticks = tokio::time::interval(ring.reload_interval);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            while drain.run_until_cancelled(ticks.tick()).await.is_some() {
                if let Err(error) = ring.keep_up().await {
                    tracing::warn!(%error, "the signing keys could not be looked at");
                }
            }
        });
    }

    async fn keep_up(&self) -> Result<(), StoreError> {
        let stored = self.store.keys().await?;
        let now = self.clock.now();
        let stored = if self.rule.turn(&stored, now) == Turn::default() {
            stored
        } else {
            // Judged once more while nobody else can.
            self.store.turn_keys(&|keys| self.rule.turn(keys, now), &make).await?
        };
        self.learn(stored)
    }

    /// Another key signs at once, and no other holds any more.
    pub(crate) async fn replace_all(&self) -> Result<String, StoreError> {
        let now = self.clock.now();
        let all = |keys: &[StoredKey]| Turn {
            make: Some(now),
            forget: keys.iter().map(|key| key.id.clone()).collect(),
        };
        let stored = self.store.turn_keys(&all, &make).await?;
        let id = stored.first().map(|key| key.id.clone()).unwrap_or_default();
        self.learn(stored)?;
        tracing::warn!(key = id, "all signing keys were replaced");
        Ok(id)
    }

    fn learn(&self, stored: Vec<StoredKey>) -> Result<(), StoreError> {
        if self.known.load().stored == stored {
            return Ok(());
        }
        let keys = stored.iter().map(|key| SigningKey::from_pkcs8(&key.pkcs8));
        let keys = keys
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| StoreError::Corrupt("a signing key"))?;
        self.known.store(Arc::new(Known { stored, keys }));
        Ok(())
    }

    /// The public halves.
    pub(crate) fn published(&self) -> Vec<u8> {
        key_set(&self.known.load().keys)
    }

    pub(crate) fn mint(&self, token: &NewToken<'_>) -> Result<String, MintError> {
        let known = self.known.load();
        let id = signer(&known.stored, token.now).map(|key| &key.id);
        // A clock behind the one that made the first key: that key all the same.
        let key = known
            .keys
            .iter()
            .find(|key| id.is_some_and(|id| id == key.id()))
            .or_else(|| known.keys.first())
            .ok_or(MintError::Signing)?;
        Minter::of_key(key, &self.issuer, &self.audience).mint(token)
    }
}

fn make(active_from: Timestamp) -> Result<StoredKey, StoreError> {
    let key = SigningKey::generate().map_err(|error| StoreError::Setup(error.to_string()))?;
    Ok(StoredKey { id: key.id().to_owned(), pkcs8: key.pkcs8().to_vec(), active_from })
}
