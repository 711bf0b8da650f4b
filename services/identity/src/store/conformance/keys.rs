//! Signing keys.

use std::sync::Arc;

use super::{Result, Store, tick};
use crate::keys::{StoredKey, Turn};

#[expect(clippy::unnecessary_wraps, reason = "a maker of keys may fail")]
fn make(active_from: hubbub_domain::Timestamp) -> Result<StoredKey> {
    let id = uuid::Uuid::new_v4().to_string();
    Ok(StoredKey { id, pkcs8: vec![1, 2, 3], active_from })
}

pub(super) async fn keys_are_turned_by_one_at_a_time(store: Arc<dyn Store>) {
    assert!(store.keys().await.expect("answers").is_empty());
    // Twenty find none, and each would make the first one.
    let at = tick();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let first = |keys: &[StoredKey]| Turn {
                    make: keys.is_empty().then_some(at),
                    forget: Vec::new(),
                };
                store.turn_keys(&first, &make).await
            })
        })
        .collect();
    for call in calls {
        let keys = call.await.expect("runs").expect("turned");
        assert_eq!(keys.len(), 1);
    }
    let first = store.keys().await.expect("answers").remove(0);
    assert_eq!((first.active_from, first.pkcs8.as_slice()), (at, &[1, 2, 3][..]));
    let later = tick();
    let replaced = store
        .turn_keys(&|keys| Turn { make: Some(later), forget: vec![keys[0].id.clone()] }, &make)
        .await
        .expect("turned");
    assert_eq!(replaced.len(), 1);
    assert_eq!(replaced[0].active_from, later);
    assert!(store.keys().await.expect("answers") == replaced);
    let failing = |_| Err(crate::error::StoreError::Setup("no key".to_owned()));
    let again = |_: &[StoredKey]| Turn { make: Some(later), forget: Vec::new() };
    assert!(store.turn_keys(&again, &failing).await.is_err());
    assert_eq!(store.keys().await.expect("answers").len(), 1);
}
