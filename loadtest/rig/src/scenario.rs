//! The scenarios, by name. Each measures on its own: it starts what it needs, takes all arms in turn within
//! each round, fails when anything was lost or out of order, and leaves nothing behind.

mod appends;
mod chat_list;
mod fan_out;
mod growth;
mod idle;
mod paging;
mod publish;
mod resubscribe;
mod stalled;
mod two_gateways;

use anyhow::Result;
use futures::future::LocalBoxFuture;

use crate::{bench::Bench, measure::Measure};

/// A scenario of the table.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) run: for<'a> fn(&'a Bench) -> LocalBoxFuture<'a, Result<Vec<Measure>>>,
}

/// In the order in which they run.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "fan-out", run: |bench| Box::pin(fan_out::run(bench)) },
    Scenario { name: "idle", run: |bench| Box::pin(idle::run(bench)) },
    Scenario { name: "stalled", run: |bench| Box::pin(stalled::run(bench)) },
    Scenario { name: "two-gateways", run: |bench| Box::pin(two_gateways::run(bench)) },
    Scenario { name: "appends", run: |bench| Box::pin(appends::run(bench)) },
    Scenario { name: "hot-room", run: |bench| Box::pin(appends::hot_room(bench)) },
    Scenario { name: "publish", run: |bench| Box::pin(publish::run(bench)) },
    Scenario { name: "paging", run: |bench| Box::pin(paging::run(bench)) },
    Scenario { name: "chat-list", run: |bench| Box::pin(chat_list::run(bench)) },
    Scenario { name: "resubscribe", run: |bench| Box::pin(resubscribe::run(bench)) },
    Scenario { name: "growth", run: |bench| Box::pin(growth::run(bench)) },
];
