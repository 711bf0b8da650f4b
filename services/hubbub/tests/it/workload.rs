//! The load of the product's tests: testkit's, against the program under test.

use hubbub_domain::UserId;
use hubbub_testkit::ClusterOptions;
pub(crate) use hubbub_testkit::workload::{Outcome, Workload, read_all};

/// A cluster without rate limits: the limits have tests of their own.
pub(crate) fn unlimited() -> ClusterOptions {
    ClusterOptions::two_of_each(env!("CARGO_BIN_EXE_hubbub"))
        .without_rate_limits()
        .with("HUBBUB_GATEWAY__DRAIN__NOTICE", "0s")
        .with("HUBBUB_GATEWAY__DRAIN__WINDOW", "2s")
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).expect("a user id")
}
