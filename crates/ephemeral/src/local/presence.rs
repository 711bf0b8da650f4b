//! Leases within one process.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use async_trait::async_trait;
use hubbub_domain::{Timestamp, UserId};
use parking_lot::MutexGuard;
use tokio::time::Instant;

use super::{Local, expiring::Expiring};
use crate::{
    Availability, Cap, Entered, EphemeralError, Lease, Leases, Presence, SessionKey, Terms,
};

#[derive(Default)]
pub(super) struct Book {
    users: HashMap<UserId, Record>,
    /// And the version with which it was told.
    seen: Expiring<UserId, (Timestamp, u64)>,
    /// The last version given; all users share it.
    version: u64,
}

struct Record {
    told: Availability,
    version: u64,
    leases: HashMap<SessionKey, Held>,
}

struct Held {
    ends: Instant,
    says: Availability,
    /// Only stands for somebody who may come back.
    left: bool,
}

impl Book {
    fn record(&mut self, user: &UserId) -> &mut Record {
        self.users.entry(user.clone()).or_insert_with(|| Record {
            told: Availability::Offline,
            version: 0,
            leases: HashMap::new(),
        })
    }

    /// Drops what has ended; what there is to tell of the user then.
    fn settle(&mut self, user: &UserId, now: Timestamp, terms: Terms) -> Option<Presence> {
        let record = self.users.get_mut(user)?;
        let moment = Instant::now();
        record.leases.retain(|_, held| held.ends > moment);
        let availability = record.leases.values().map(|held| held.says).max();
        let availability = availability.unwrap_or(Availability::Offline);
        let changed = availability != record.told;
        if changed {
            self.version = u64::try_from(now.as_micros()).unwrap_or(0).max(self.version + 1);
            (record.told, record.version) = (availability, self.version);
        }
        let version = record.version;
        let offline = availability == Availability::Offline;
        if offline {
            self.users.remove(user);
            if changed && !terms.last_seen_kept.is_zero() {
                self.seen.insert(user.clone(), (now, version), terms.last_seen_kept);
            }
        }
        let last_seen = offline.then_some(now);
        changed.then(|| Presence { user: user.clone(), availability, version, last_seen })
    }
}

impl Local {
    fn book(&self) -> (MutexGuard<'_, Book>, Timestamp) {
        (self.presence.lock(), self.clock.now())
    }
}

#[async_trait]
impl Leases for Local {
    async fn enter(
        &self,
        lease: &Lease,
        cap: &Cap,
        terms: Terms,
    ) -> Result<Entered, EphemeralError> {
        let (mut book, now) = self.book();
        let moment = Instant::now();
        let record = book.record(&lease.user);
        record.leases.retain(|session, held| !held.left && !cap.dead.contains(&session.node));
        let others = record
            .leases
            .iter()
            .filter(|(session, held)| **session != lease.session && held.ends > moment);
        let nodes: Vec<&str> = others.map(|(session, _)| session.node.as_str()).collect();
        if nodes.len() >= cap.leases_max as usize {
            let nodes: HashSet<String> = nodes.into_iter().map(str::to_owned).collect();
            return Ok(Entered::Full(nodes));
        }
        let held = Held { ends: moment + terms.ttl, says: lease.availability, left: false };
        record.leases.insert(lease.session.clone(), held);
        Ok(Entered::In(book.settle(&lease.user, now, terms).into_iter().collect()))
    }

    async fn hold(&self, leases: &[Lease], terms: Terms) -> Result<Vec<Presence>, EphemeralError> {
        let (mut book, now) = self.book();
        let ends = Instant::now() + terms.ttl;
        let hold = |lease: &Lease| {
            let held = Held { ends, says: lease.availability, left: false };
            book.record(&lease.user).leases.insert(lease.session.clone(), held);
            book.settle(&lease.user, now, terms)
        };
        Ok(leases.iter().filter_map(hold).collect())
    }

    async fn leave(
        &self,
        leases: &[Lease],
        grace: Duration,
        terms: Terms,
    ) -> Result<Vec<Presence>, EphemeralError> {
        let (mut book, now) = self.book();
        let ends = Instant::now() + grace;
        let leave = |lease: &Lease| {
            let record = book.users.get_mut(&lease.user)?;
            if let Some(known) = record.leases.get_mut(&lease.session) {
                (known.ends, known.left) = (known.ends.min(ends), true);
            }
            book.settle(&lease.user, now, terms)
        };
        Ok(leases.iter().filter_map(leave).collect())
    }

    async fn expire(&self, terms: Terms) -> Result<Vec<Presence>, EphemeralError> {
        let (mut book, now) = self.book();
        let moment = Instant::now();
        let ended = |record: &Record| record.leases.values().any(|held| held.ends <= moment);
        let users = book.users.iter().filter(|(_, record)| ended(record));
        let users: Vec<UserId> = users.map(|(user, _)| user.clone()).collect();
        Ok(users.iter().filter_map(|user| book.settle(user, now, terms)).collect())
    }

    async fn presences(&self, users: &[UserId]) -> Result<Vec<Presence>, EphemeralError> {
        let (book, _) = self.book();
        let presence = |user: &UserId| {
            if let Some(record) = book.users.get(user) {
                return Presence {
                    user: user.clone(),
                    availability: record.told,
                    version: record.version,
                    last_seen: None,
                };
            }
            let seen = book.seen.get(user).map(|entry| entry.value);
            Presence {
                user: user.clone(),
                availability: Availability::Offline,
                version: seen.map_or(0, |(_, version)| version),
                last_seen: seen.map(|(at, _)| at),
            }
        };
        Ok(users.iter().map(presence).collect())
    }
}
