//! When a fault was noticed: the first sign after it that something is wrong, seen from outside.
//!
//! A sign is: a process that was not hit itself stops being ready, one of its counters of trouble
//! moves, or a client connects anew. A fault without a sign did not disturb anybody (latency, a slow
//! reader). The resolution is that of the looks, a fifth of a second.

use std::time::Duration;

use hubbub_testkit::{Admin, Cluster, sample};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::load::Load;

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A process that does not answer for longer has given a sign.
const ANSWER_PATIENCE: Duration = Duration::from_millis(500);
/// Counters that move when something is wrong, and do not otherwise.
const TROUBLE: [&str; 7] = [
    "hubbub_bus_interruptions_total",
    "hubbub_bus_publish_errors_total",
    "hubbub_gateway_gap_repairs_total",
    "hubbub_grpc_client_ejections_total",
    "hubbub_history_duplicates_total",
    "hubbub_history_publish_failures_total",
    "hubbub_room_publish_failures_total",
];

/// Everything that is looked at.
pub(crate) struct Signs {
    processes: Vec<(String, Admin)>,
}

/// One look.
#[derive(PartialEq)]
struct Look {
    ready: Vec<bool>,
    trouble: Vec<f64>,
    connections: u64,
}

impl Signs {
    /// All processes but those that are hit.
    pub(crate) fn of(cluster: &Cluster, hit: &[&str]) -> Self {
        let others = cluster.nodes().filter(|node| !hit.contains(&node.name()));
        Self { processes: others.map(|node| (node.name().to_owned(), node.admin())).collect() }
    }

    /// Watches until the first sign or until `enough`; when the sign was.
    pub(crate) async fn first(&self, load: &Load, enough: &CancellationToken) -> Option<Instant> {
        let before = self.look(load).await;
        let watching = async {
            let mut ticks = interval(LOOK_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if self.look(load).await != before {
                    return Instant::now();
                }
            }
        };
        enough.run_until_cancelled(watching).await
    }

    async fn look(&self, load: &Load) -> Look {
        let mut look =
            Look { ready: Vec::new(), trouble: Vec::new(), connections: load.connections() };
        for (_, admin) in &self.processes {
            let ready = timeout(ANSWER_PATIENCE, admin.page("/readyz")).await;
            look.ready.push(matches!(ready, Ok(Ok((200, _)))));
            let metrics = timeout(ANSWER_PATIENCE, admin.page("/metrics")).await;
            let page = metrics.ok().and_then(Result::ok).map(|(_, page)| page);
            let page = page.unwrap_or_default();
            look.trouble.push(TROUBLE.iter().map(|name| sample(&page, name)).sum());
        }
        look
    }
}
