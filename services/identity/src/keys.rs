//! When signing keys are made, used and forgotten: pure, so that weeks pass in a test.
//!
//! A key is published some time before it signs, so that whoever keeps a copy of the key set knows
//! it by then; and as long after its last token as that token holds.

use std::time::Duration;

use hubbub_domain::Timestamp;

/// A key as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    pub id: String,
    pub pkcs8: Vec<u8>,
    /// From when on it signs, until a younger one does.
    pub active_from: Timestamp,
}

/// How keys are turned.
#[derive(Clone, Copy, Debug)]
pub struct KeyRule {
    /// How long a key signs.
    pub lifetime: Duration,
    pub publish_ahead: Duration,
    /// How long a key is published after its last token: as long as that holds, and a little more.
    pub kept: Duration,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Make a key that signs from then on.
    pub make: Option<Timestamp>,
    /// Forget these.
    pub forget: Vec<String>,
}

impl KeyRule {
    pub fn turn(&self, keys: &[StoredKey], now: Timestamp) -> Turn {
        let newest = keys.iter().map(|key| key.active_from).max();
        let make = match newest {
            None => Some(now),
            Some(newest) => {
                let end = later(newest, self.lifetime);
                let ahead = later(now, self.publish_ahead);
                (end <= ahead).then(|| end.max(ahead))
            }
        };
        let forget = keys
            .iter()
            .filter(|key| {
                let successors = keys.iter().map(|other| other.active_from);
                let successor = successors.filter(|from| *from > key.active_from).min();
                successor.is_some_and(|from| later(from, self.kept) <= now)
            })
            .map(|key| key.id.clone())
            .collect();
        Turn { make, forget }
    }
}

/// The key that signs now.
pub fn signer(keys: &[StoredKey], now: Timestamp) -> Option<&StoredKey> {
    keys.iter().filter(|key| key.active_from <= now).max_by_key(|key| (key.active_from, &key.id))
}

pub(crate) fn later(moment: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_micros(moment.as_micros().saturating_add(micros(by)))
}

pub(crate) fn earlier(moment: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_micros(moment.as_micros().saturating_sub(micros(by)))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hubbub_domain::Timestamp;

    use super::{KeyRule, StoredKey, later, signer};

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn a_year_passes_without_a_token_that_nobody_can_check() {
        let rule = KeyRule {
            lifetime: 24 * HOUR,
            publish_ahead: Duration::from_mins(10),
            kept: Duration::from_mins(11),
        };
        let mut keys: Vec<StoredKey> = Vec::new();
        let (mut now, mut made) = (Timestamp::from_micros(0), 0);
        let mut tokens: Vec<(String, Timestamp)> = Vec::new();
        for _ in 0..(365 * 24 * 12) {
            let turn = rule.turn(&keys, now);
            assert!(turn.forget.len() <= 1);
            keys.retain(|key| !turn.forget.contains(&key.id));
            if let Some(active_from) = turn.make {
                // But for the first one, a key is known before it is used.
                assert!(made == 0 || active_from >= later(now, rule.publish_ahead));
                made += 1;
                keys.push(StoredKey { id: made.to_string(), pkcs8: Vec::new(), active_from });
            }
            assert!(keys.len() <= 2, "one signs, and one comes or goes");
            let key = signer(&keys, now).expect("somebody signs");
            tokens.push((key.id.clone(), later(now, Duration::from_mins(10))));
            tokens.retain(|(_, expires)| *expires > now);
            for (id, _) in &tokens {
                assert!(keys.iter().any(|key| key.id == *id), "a key is missed");
            }
            now = later(now, Duration::from_mins(5));
        }
        assert!((364..=367).contains(&made), "a key a day: {made}");
    }
}
