//! The state on everything it lives in. The suite of the contract is in `conformance` and runs on every
//! adapter; what breaks and heals is in `faults`.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod adapters;
mod conformance;
mod faults;

use std::time::Duration;

/// Longer than anything here may take; reached only when something is wrong.
const DEADLINE: Duration = Duration::from_secs(30);
