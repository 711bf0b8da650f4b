//! Who is online: each session holds a lease that somebody has to renew, and a user is what their
//! leases say.
//!
//! A user is *online* while one of their leases says so, *away* while all that are left say that, and
//! *offline* without any. A change of this is told **once**, to the caller whose call made it or found
//! it, and carries a version: of two answers about a user the one with the greater version is the newer.
//! A lease that is left ends after a grace, so that whoever comes back in time was never gone; it
//! counts among nobody's connections any more.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use hubbub_domain::{Timestamp, UserId};

use crate::EphemeralError;

/// What a lease says of its session, and all of them of their user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Availability {
    Offline,
    Away,
    Online,
}

/// A session's claim that its user is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub user: UserId,
    pub session: SessionKey,
    /// Online or away.
    pub availability: Availability,
}

/// A session in the whole cluster: which node holds it, and the node's number for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey {
    pub node: String,
    pub number: u64,
}

/// What is told of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    pub user: UserId,
    pub availability: Availability,
    /// 0 when nothing that is remembered was told of them.
    pub version: u64,
    /// When they went offline, while that is remembered.
    pub last_seen: Option<Timestamp>,
}

/// How long things hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// A lease, without being renewed.
    pub ttl: Duration,
    /// The memory of when somebody was last seen. Zero: none is kept.
    pub last_seen_kept: Duration,
}

/// How many leases one user may have, and whose do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cap {
    pub leases_max: u32,
    /// Nodes that are dead: their leases are taken away.
    pub dead: HashSet<String>,
}

/// What became of somebody who came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// They are in; what there is to tell.
    In(Vec<Presence>),
    /// They have as many leases as they may; the nodes that hold those.
    Full(HashSet<String>),
}

/// The leases of all users.
#[async_trait]
pub trait Leases: Send + Sync + 'static {
    /// A new lease, unless its user has too many.
    async fn enter(
        &self,
        lease: &Lease,
        cap: &Cap,
        terms: Terms,
    ) -> Result<Entered, EphemeralError>;

    /// Renews leases, or writes what they say now; those that were lost are there again.
    async fn hold(&self, leases: &[Lease], terms: Terms) -> Result<Vec<Presence>, EphemeralError>;

    /// Lets leases end after `grace`; those that end before do so.
    async fn leave(
        &self,
        leases: &[Lease],
        grace: Duration,
        terms: Terms,
    ) -> Result<Vec<Presence>, EphemeralError>;

    /// Looks for leases that have ended. To be called again and again, by anybody.
    async fn expire(&self, terms: Terms) -> Result<Vec<Presence>, EphemeralError>;

    /// What was last told of these users, in any order; every one of them is answered.
    async fn presences(&self, users: &[UserId]) -> Result<Vec<Presence>, EphemeralError>;
}
