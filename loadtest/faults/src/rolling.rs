//! Every process restarted, one after the other, while people talk: a rolling update, and the way back.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::Result;
use hubbub_testkit::Cluster;

/// The versions that take turns.
#[derive(Debug)]
pub(crate) struct Versions {
    new: PathBuf,
    old: PathBuf,
    old_at_work: AtomicBool,
}

impl Versions {
    /// Without an old version the new one is its own successor.
    pub(crate) fn new(new: PathBuf, old: Option<PathBuf>) -> Self {
        let old = old.unwrap_or_else(|| new.clone());
        Self { new, old, old_at_work: AtomicBool::new(false) }
    }

    /// Restarts every process on the version that is not at work: both are, meanwhile. Returns how
    /// many became another process.
    pub(crate) async fn take_turns(&self, cluster: &mut Cluster) -> Result<u64> {
        let was_old = self.old_at_work.fetch_xor(true, Ordering::Relaxed);
        let binary = if was_old { &self.new } else { &self.old };
        let mut restarted = 0;
        let roles = [&mut cluster.histories, &mut cluster.rooms, &mut cluster.gateways];
        for node in roles.into_iter().flatten() {
            let before = node.pid();
            node.stop().await;
            node.set_binary(binary);
            node.start_again().await?;
            restarted += u64::from(node.pid() != before);
        }
        Ok(restarted)
    }
}
