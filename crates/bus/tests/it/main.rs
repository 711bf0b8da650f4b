//! The bus on everything it runs on. The suite of the contract is in `conformance`, what breaks and
//! heals in `faults`; both run on every adapter that they apply to.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod cluster;
mod conformance;
mod faults;
mod listener;
mod local;
mod standalone;

use std::time::Duration;

/// Longer than anything here may take; reached only when something is wrong.
const DEADLINE: Duration = Duration::from_secs(30);
