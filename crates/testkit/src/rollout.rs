//! A rolling update of the gateways as the chart has it (`maxSurge: 100%`, `maxUnavailable: 0`), without a
//! Kubernetes: new pods start beside the old ones; each that has been ready for a while takes the place of
//! an old one, which leaves the Service, sleeps, and drains.
//!
//! Because all new ones are there before the first old one asks anybody to move, a client moves once.

use std::time::Duration;

use anyhow::Result;
use futures::future::try_join_all;
use tokio::time::sleep;

use crate::{Balancer, Cluster, Node};

/// How long each step takes.
#[derive(Clone, Copy, Debug)]
pub struct RolloutTimings {
    /// `minReadySeconds`.
    pub ready_for: Duration,
    /// How long the Service still names a pod that is to go.
    pub endpoints_lag: Duration,
    /// `preStop.sleep`.
    pub pre_stop: Duration,
    /// `terminationGracePeriodSeconds`, from SIGTERM on.
    pub grace: Duration,
}

impl Cluster {
    /// Replaces every gateway by one of the spares, under whatever load there is.
    pub async fn roll_gateways(
        &mut self,
        balancer: &Balancer,
        timings: RolloutTimings,
    ) -> Result<()> {
        let old = std::mem::take(&mut self.gateways);
        let new = self.spares.drain(..old.len());
        let replacements =
            old.into_iter().zip(new).map(|(old, new)| replace(old, new, balancer, timings));
        self.gateways = try_join_all(replacements).await?;
        Ok(())
    }
}

async fn replace(
    mut old: Node,
    mut new: Node,
    balancer: &Balancer,
    timings: RolloutTimings,
) -> Result<Node> {
    new.start_again().await?;
    balancer.admit(new.address());
    // What is waited for here are the timings themselves.
    sleep(timings.ready_for).await;
    let leaves_service = async {
        sleep(timings.endpoints_lag).await;
        balancer.retire(&old.address());
    };
    tokio::join!(leaves_service, sleep(timings.pre_stop));
    old.stop_within(timings.grace).await?;
    Ok(new)
}
