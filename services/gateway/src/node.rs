//! This gateway's entry in the cluster's registry of nodes: written again with every beat, and gone by
//! itself when the node dies.

use std::{sync::Arc, time::Duration};

use hubbub_domain::Timestamp;
use hubbub_ephemeral::{Ephemeral, Node};
use tokio_util::sync::CancellationToken;

use crate::config::NodeConfig;

/// Who this gateway is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// Another one for every start of a process.
    pub(crate) id: Arc<str>,
    /// Where the other gateways call it; empty: nowhere.
    pub(crate) address: Arc<str>,
    pub(crate) started_at: Timestamp,
}

/// Keeps the entry until the gateway drains, and takes it away then.
pub(crate) async fn keep(
    identity: Identity,
    config: NodeConfig,
    state: Arc<dyn Ephemeral>,
    connections: impl Fn() -> usize,
    drain: CancellationToken,
) {
    let mut beats = tokio::time::interval(config.beat);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut known = false;
    while drain.run_until_cancelled(beats.tick()).await.is_some() {
        let node = Node {
            id: identity.id.to_string(),
            address: identity.address.to_string(),
            connections: connections() as u64,
            started_at: identity.started_at,
            heard: Duration::ZERO,
        };
        match state.register(&node, config.ttl).await {
            Ok(()) => known = true,
            Err(error) if known => {
                known = false;
                tracing::warn!(%error, "the registry of nodes cannot be reached");
            }
            Err(_) => {}
        }
    }
    if let Err(error) = state.deregister(&identity.id).await {
        tracing::debug!(%error, "the registry of nodes forgets this one by itself");
    }
}
