//! Whether the process is alive and whether it should be given work, and the listener that says so.
//!
//! Liveness is only that the process answers: restarting it does not repair a database. Readiness is
//! a list of named conditions, each kept by whoever knows; while one is missing, or the process
//! drains, no new work should come.

mod admin;
mod page;
mod process;

use std::{collections::BTreeMap, sync::Arc};

use metrics::{Unit, describe_gauge};
use parking_lot::Mutex;

pub use admin::serve_admin;
pub use page::{MetricsPage, MetricsPageError};

/// 1 while a condition of readiness is met, by `condition`.
const READY: &str = "hubbub_ready";
/// Always 1: which `version` runs as which `role`.
const BUILD: &str = "hubbub_build_info";

fn describe() {
    describe_gauge!(READY, Unit::Count, "1 while a condition of readiness is met, by condition.");
    describe_gauge!(BUILD, Unit::Count, "Always 1: the version and the role of the process.");
}

/// Says which version of the program runs, and as what.
pub fn note_build(version: &'static str, role: &'static str) {
    metrics::gauge!(BUILD, "version" => version, "role" => role).set(1.0);
}

/// The named conditions of a process. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    conditions: Arc<Mutex<BTreeMap<&'static str, bool>>>,
}

impl Readiness {
    /// Adds a condition that is not met yet, such as `"postgres"`.
    pub fn condition(&self, name: &'static str) -> Condition {
        let condition = Condition { name, readiness: self.clone() };
        condition.unmet();
        condition
    }

    /// The conditions that are not met.
    pub fn missing(&self) -> Vec<&'static str> {
        self.conditions.lock().iter().filter(|(_, met)| !**met).map(|(name, _)| *name).collect()
    }
}

/// One condition, in the hand of whoever knows whether it is met.
#[derive(Clone, Debug)]
pub struct Condition {
    name: &'static str,
    readiness: Readiness,
}

impl Condition {
    pub fn met(&self) {
        self.set(true);
    }

    pub fn unmet(&self) {
        self.set(false);
    }

    fn set(&self, met: bool) {
        self.readiness.conditions.lock().insert(self.name, met);
        metrics::gauge!(READY, "condition" => self.name).set(if met { 1.0 } else { 0.0 });
    }
}
