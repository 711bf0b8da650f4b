//! This gateway among the others: its entry in the registry of nodes, renewed while it runs, and what the
//! others say of themselves.
//!
//! An entry that is not renewed expires by itself; a gateway that drains says so, and stays in the
//! registry until its sessions are gone.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use hubbub_domain::Timestamp;
use hubbub_ephemeral::{Ephemeral, EphemeralError, Node};
use tokio_util::sync::CancellationToken;

use crate::{config::RegistryConfig, core::Core};

pub(crate) struct Registry {
    ephemeral: Arc<dyn Ephemeral>,
    config: RegistryConfig,
    /// What never changes of the entry.
    entry: Node,
}

impl Registry {
    /// For the node `id`, which the others reach at `address` (empty: nowhere).
    pub(crate) fn new(
        ephemeral: Arc<dyn Ephemeral>,
        config: &RegistryConfig,
        id: String,
        address: String,
        started_at: Timestamp,
    ) -> Self {
        let (connections, heard) = (0, Duration::ZERO);
        let entry = Node { id, address, connections, closing: false, started_at, heard };
        Self { ephemeral, config: config.clone(), entry }
    }

    /// Which of the nodes this is.
    pub(crate) fn id(&self) -> &str {
        &self.entry.id
    }

    /// All gateways that are there, this one among them once it has registered.
    pub(crate) async fn nodes(&self) -> Result<Vec<Node>, EphemeralError> {
        self.ephemeral.nodes().await
    }

    /// Keeps the entry until `gone`: from `closing` on it says that nobody should come here. The core is
    /// not kept by it: what stands before it in the drain ends when the core does.
    pub(crate) async fn keep(
        &self,
        core: &Weak<Core>,
        closing: &CancellationToken,
        gone: &CancellationToken,
    ) {
        let renewing = async {
            let mut down = false;
            loop {
                let connections = core.upgrade().map_or(0, |core| core.sessions.count()) as u64;
                let closes = closing.is_cancelled();
                let entry = Node { connections, closing: closes, ..self.entry.clone() };
                let renewed = self.ephemeral.register(&entry, self.config.ttl).await;
                if let Err(error) = &renewed
                    && !down
                {
                    tracing::warn!(%error, "the registry of nodes does not know of this gateway");
                }
                down = renewed.is_err();
                let pause = tokio::time::sleep(self.config.renew_interval);
                if closes {
                    pause.await;
                } else {
                    // That it closes is said at once.
                    closing.run_until_cancelled(pause).await;
                }
            }
        };
        gone.run_until_cancelled(renewing).await;
        // Without this the entry expires a little later.
        let _ended = self.ephemeral.deregister(self.id()).await;
    }
}
