//! What the clients of this node have begun to say and not ended, in bytes: messages that arrive in
//! pieces, bodies and packets that wait. One bound for all of them, so that many clients together hold no
//! more than that.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

#[derive(Debug)]
pub(super) struct Budget {
    used: AtomicUsize,
    max: usize,
}

impl Budget {
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), max })
    }

    /// A session's part, empty at first.
    pub(super) fn share(self: &Arc<Self>) -> Held {
        Held { budget: Arc::clone(self), bytes: 0 }
    }
}

/// One session's part of the budget; given back with it.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

/// The node holds as much as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Held {
    /// Says how many bytes the session holds now. Beyond the bound it may only hold less than before.
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), Exhausted> {
        if bytes > self.bytes {
            let more = bytes - self.bytes;
            let used = self.budget.used.fetch_add(more, Ordering::Relaxed) + more;
            self.bytes = bytes;
            if used > self.budget.max {
                return Err(Exhausted);
            }
        } else if bytes < self.bytes {
            self.budget.used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
            self.bytes = bytes;
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Exhausted};

    #[test]
    fn one_bound_holds_for_all() {
        let budget = Budget::new(100);
        let [mut one, mut other] = [budget.share(), budget.share()];
        assert_eq!(one.hold(60), Ok(()));
        assert_eq!(other.hold(40), Ok(()));
        assert_eq!(other.hold(41), Err(Exhausted));
        assert_eq!(one.hold(50), Ok(()), "less is always possible");
        drop(one);
        assert_eq!(other.hold(100), Ok(()));
        assert_eq!(other.hold(0), Ok(()));
        assert_eq!(budget.share().hold(100), Ok(()));
    }
}
