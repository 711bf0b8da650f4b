//! How many sessions a user has on this node, and how many are too many.

use std::sync::Arc;

use dashmap::{DashMap, Entry};
use hubbub_domain::{Code, Fault, UserId};

/// Counts sessions per user. Users without a session take no memory.
#[derive(Clone, Debug)]
pub struct ConnectionCaps(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max: u32,
    open: DashMap<UserId, u32>,
}

impl ConnectionCaps {
    /// At most `max` sessions per user.
    pub fn new(max: u32) -> Self {
        Self(Arc::new(Inner { max, open: DashMap::new() }))
    }

    /// One more session of `user`, until the guard is dropped.
    pub fn enter(&self, user: &UserId) -> Result<ConnectionGuard, Fault> {
        let mut open = self.0.open.entry(user.clone()).or_insert(0);
        if *open >= self.0.max {
            let max = self.0.max;
            drop(open);
            self.0.open.remove_if(user, |_, open| *open == 0);
            return Err(Fault::new(
                Code::LimitReached,
                format!("more than {max} connections of one user"),
            ));
        }
        *open += 1;
        Ok(ConnectionGuard { caps: Arc::clone(&self.0), user: user.clone() })
    }

    /// How many sessions `user` has here.
    pub fn open(&self, user: &UserId) -> u32 {
        self.0.open.get(user).map_or(0, |open| *open)
    }
}

/// A session's place among its user's.
#[derive(Debug)]
pub struct ConnectionGuard {
    caps: Arc<Inner>,
    user: UserId,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        if let Entry::Occupied(mut open) = self.caps.open.entry(self.user.clone()) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::{Code, UserId};

    use super::ConnectionCaps;

    #[test]
    fn counts_to_the_bound_and_forgets() {
        let caps = ConnectionCaps::new(2);
        let [alice, bob] = ["alice", "bob"].map(|name| UserId::parse(name).unwrap());
        let first = caps.enter(&alice).unwrap();
        let _second = caps.enter(&alice).unwrap();
        assert_eq!(caps.enter(&alice).unwrap_err().code, Code::LimitReached);
        let bobs = caps.enter(&bob).unwrap();
        drop(first);
        assert_eq!(caps.open(&alice), 1);
        let _third = caps.enter(&alice).unwrap();
        drop(bobs);
        assert_eq!(caps.0.open.len(), 1, "bob is forgotten");
        assert!(ConnectionCaps::new(0).enter(&bob).is_err());
    }
}
