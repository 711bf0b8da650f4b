//! Leases in Redis. Users are spread over buckets, each of which is one slot with three keys: what is
//! held, when the next of it ends, and who was last seen when. So everything that concerns many users
//! is one script for each bucket, however many there are, and all buckets are asked at once.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use crc16::{State, XMODEM};
use futures::future::try_join_all;
use hubbub_domain::{Timestamp, UserId};
use redis::{Script, ScriptInvocation};

use super::{Redis, link::millis};
use crate::{
    Availability, Cap, Entered, EphemeralError, Lease, Leases, Presence, SessionKey, Terms,
};

/// The same in every version: what is written under another number is not found.
const BUCKETS: u16 = 32;
/// Users in one script, so that no call keeps Redis busy for long.
const USERS_PER_CALL: usize = 250;

/// User, what is told, version, milliseconds of when they were last seen or 0.
type Told = (String, String, u64, u64);

fn bucket(user: &UserId) -> u16 {
    State::<XMODEM>::calculate(user.as_str().as_bytes()) % BUCKETS
}

impl Redis {
    fn on_bucket<'a>(&self, script: &'a Script, bucket: u16) -> ScriptInvocation<'a> {
        let tag = format!("p{bucket}");
        let mut call = script.prepare_invoke();
        for name in ["due", "held", "seen"] {
            call.key(self.key(&tag, name));
        }
        call
    }

    /// One script for each bucket that is concerned, all at once.
    async fn on_leases(
        &self,
        script: &Script,
        leases: &[Lease],
        [first, second]: [u64; 2],
    ) -> Result<Vec<Presence>, EphemeralError> {
        let mut buckets: BTreeMap<u16, Vec<&Lease>> = BTreeMap::new();
        for lease in leases {
            buckets.entry(bucket(&lease.user)).or_default().push(lease);
        }
        let mut calls = Vec::new();
        for (bucket, leases) in buckets {
            for leases in leases.chunks(USERS_PER_CALL) {
                let mut call = self.on_bucket(script, bucket);
                call.arg(first).arg(second);
                for lease in leases {
                    call.arg(lease.user.as_str()).arg(session_text(&lease.session));
                    call.arg(letter(lease.availability));
                }
                calls.push(call);
            }
        }
        let told = calls.iter().map(|call| self.link.invoke::<Vec<Told>>(call));
        Ok(try_join_all(told).await?.into_iter().flatten().filter_map(read).collect())
    }
}

#[async_trait]
impl Leases for Redis {
    async fn enter(
        &self,
        lease: &Lease,
        cap: &Cap,
        terms: Terms,
    ) -> Result<Entered, EphemeralError> {
        let mut call = self.on_bucket(&self.scripts.presence_enter, bucket(&lease.user));
        call.arg(millis_or_none(terms.last_seen_kept)).arg(millis(terms.ttl));
        call.arg(lease.user.as_str()).arg(session_text(&lease.session));
        call.arg(letter(lease.availability)).arg(cap.leases_max);
        for node in &cap.dead {
            call.arg(node);
        }
        let (entered, nodes, told): (bool, Vec<String>, Vec<Told>) =
            self.link.invoke(&call).await?;
        Ok(if entered {
            Entered::In(told.into_iter().filter_map(read).collect())
        } else {
            Entered::Full(nodes.into_iter().collect())
        })
    }

    async fn hold(&self, leases: &[Lease], terms: Terms) -> Result<Vec<Presence>, EphemeralError> {
        let times = [millis_or_none(terms.last_seen_kept), millis(terms.ttl)];
        self.on_leases(&self.scripts.presence_hold, leases, times).await
    }

    async fn leave(
        &self,
        leases: &[Lease],
        grace: Duration,
        terms: Terms,
    ) -> Result<Vec<Presence>, EphemeralError> {
        let times = [millis_or_none(terms.last_seen_kept), millis_or_none(grace)];
        self.on_leases(&self.scripts.presence_leave, leases, times).await
    }

    async fn expire(&self, terms: Terms) -> Result<Vec<Presence>, EphemeralError> {
        let kept = millis_or_none(terms.last_seen_kept);
        let expire = |bucket| async move {
            let mut gone = Vec::new();
            loop {
                let mut call = self.on_bucket(&self.scripts.presence_expire, bucket);
                call.arg(kept).arg(USERS_PER_CALL);
                let (looked_at, told): (usize, Vec<Told>) = self.link.invoke(&call).await?;
                gone.extend(told.into_iter().filter_map(read));
                if looked_at < USERS_PER_CALL {
                    return Ok(gone);
                }
            }
        };
        Ok(try_join_all((0..BUCKETS).map(expire)).await?.concat())
    }

    async fn presences(&self, users: &[UserId]) -> Result<Vec<Presence>, EphemeralError> {
        let mut buckets: BTreeMap<u16, Vec<&UserId>> = BTreeMap::new();
        for user in users {
            buckets.entry(bucket(user)).or_default().push(user);
        }
        let mut calls = Vec::new();
        for (bucket, users) in buckets {
            for users in users.chunks(USERS_PER_CALL) {
                let mut call = self.on_bucket(&self.scripts.presence_read, bucket);
                for user in users {
                    call.arg(user.as_str());
                }
                calls.push(call);
            }
        }
        let told = calls.iter().map(|call| self.link.invoke::<Vec<Told>>(call));
        Ok(try_join_all(told).await?.into_iter().flatten().filter_map(read).collect())
    }
}

fn read((user, told, version, seen_ms): Told) -> Option<Presence> {
    let availability = match told.as_str() {
        "o" => Availability::Online,
        "a" => Availability::Away,
        _ => Availability::Offline,
    };
    let micros = i64::try_from(seen_ms).unwrap_or(0).saturating_mul(1_000);
    let last_seen = (micros > 0).then(|| Timestamp::from_micros(micros));
    Some(Presence { user: UserId::parse(&user).ok()?, availability, version, last_seen })
}

const fn letter(availability: Availability) -> &'static str {
    match availability {
        Availability::Online => "o",
        Availability::Away => "a",
        Availability::Offline => "f",
    }
}

fn session_text(session: &SessionKey) -> String {
    format!("{}/{}", session.node, session.number)
}

/// Unlike a TTL, a time that may be none.
fn millis_or_none(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
