//! The names of what the identity service counts, and the only place where it does.

use std::time::Duration;

use hubbub_domain::Fault;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Calls by `operation` and `outcome` (`ok`, or the code of the refusal).
const CALLS: &str = "hubbub_identity_calls_total";
/// How long calls took, by `operation`.
const CALL_SECONDS: &str = "hubbub_identity_call_seconds";
/// Passwords that were not hashed because too many waited.
const HASHES_REFUSED: &str = "hubbub_identity_hashes_refused_total";
/// Refresh tokens that were used again: somebody may have stolen them.
const TOKENS_REUSED: &str = "hubbub_identity_refresh_tokens_reused_total";
/// Blocks that the room service refused for good: each is a defect.
const BLOCKS_REFUSED: &str = "hubbub_identity_blocks_refused_total";
/// Publications that did not reach the bus, by `reason` (`bus`: it failed; `full`: our queue was).
const PUBLISH_FAILURES: &str = "hubbub_identity_publish_failures_total";

/// Connections to Postgres: open, and those of them without work, and the most there may be.
const POOL: [&str; 3] = [
    "hubbub_identity_postgres_connections",
    "hubbub_identity_postgres_connections_idle",
    "hubbub_identity_postgres_connections_max",
];

/// What each family means, for the page that Prometheus reads.
fn describe() {
    describe_counter!(CALLS, Unit::Count, "Calls, by operation and outcome.");
    describe_histogram!(CALL_SECONDS, Unit::Seconds, "How long calls took, by operation.");
    describe_counter!(
        HASHES_REFUSED,
        Unit::Count,
        "Passwords that were not hashed because too many waited."
    );
    describe_counter!(
        TOKENS_REUSED,
        Unit::Count,
        "Refresh tokens that were used again, which may mean a theft."
    );
    describe_counter!(
        BLOCKS_REFUSED,
        Unit::Count,
        "Blocks that the room service refused for good: each is a defect."
    );
    describe_counter!(
        PUBLISH_FAILURES,
        Unit::Count,
        "Publications that did not reach the bus, by reason."
    );
    describe_gauge!(POOL[0], Unit::Count, "Connections to Postgres that are open.");
    describe_gauge!(POOL[1], Unit::Count, "Open connections to Postgres without work.");
    describe_gauge!(POOL[2], Unit::Count, "The most connections to Postgres there may be.");
}

/// The counters of what should not happen begin at 0, so that the first time is seen as a rise.
pub(crate) fn begin() {
    describe();
    for zero in [HASHES_REFUSED, TOKENS_REUSED, BLOCKS_REFUSED] {
        metrics::counter!(zero).absolute(0);
    }
    for reason in ["bus", "full"] {
        metrics::counter!(PUBLISH_FAILURES, "reason" => reason).absolute(0);
    }
}

/// Connections of the pool: open, idle, at the most.
pub(crate) fn pool([open, idle]: [u32; 2], max: u32) {
    for (name, count) in POOL.into_iter().zip([open, idle.min(open), max]) {
        metrics::gauge!(name).set(f64::from(count));
    }
}

pub(crate) fn called<T>(operation: &'static str, result: &Result<T, Fault>, took: Duration) {
    let outcome = result.as_ref().err().map_or("ok", |fault| fault.code.as_str());
    metrics::counter!(CALLS, "operation" => operation, "outcome" => outcome).increment(1);
    metrics::histogram!(CALL_SECONDS, "operation" => operation).record(took.as_secs_f64());
}

pub(crate) fn hash_refused() {
    metrics::counter!(HASHES_REFUSED).increment(1);
}

pub(crate) fn token_reused() {
    metrics::counter!(TOKENS_REUSED).increment(1);
}

pub(crate) fn block_refused() {
    metrics::counter!(BLOCKS_REFUSED).increment(1);
}

pub(crate) fn publish_failed(reason: &'static str, publications: usize) {
    metrics::counter!(PUBLISH_FAILURES, "reason" => reason).increment(publications as u64);
}
