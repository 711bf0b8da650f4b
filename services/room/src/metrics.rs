//! The names of what the room service counts, and the only place where it does.

use std::time::Duration;

use hubbub_domain::Fault;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

use crate::store::Backlog;

/// Calls by `operation` and `outcome` (`ok`, or the code of the refusal).
const CALLS: &str = "hubbub_room_calls_total";
/// How long calls took, by `operation`.
const CALL_SECONDS: &str = "hubbub_room_call_seconds";
/// Notices that history has not confirmed yet, counted up to 10,000.
const NOTICES_PENDING: &str = "hubbub_room_notices_pending";
/// How long the oldest of them has waited.
const NOTICES_OLDEST_SECONDS: &str = "hubbub_room_notices_oldest_seconds";
/// Notices that history refused for good: each is a defect.
const NOTICES_REFUSED: &str = "hubbub_room_notices_refused_total";
/// Publications that did not reach the bus, by `reason` (`bus`: it failed; `full`: our queue was).
const PUBLISH_FAILURES: &str = "hubbub_room_publish_failures_total";

/// Connections to Postgres: open, and those of them without work, and the most there may be.
const POOL: [&str; 3] = [
    "hubbub_room_postgres_connections",
    "hubbub_room_postgres_connections_idle",
    "hubbub_room_postgres_connections_max",
];

/// What each family means, for the page that Prometheus reads.
fn describe() {
    describe_counter!(CALLS, Unit::Count, "Calls, by operation and outcome.");
    describe_histogram!(CALL_SECONDS, Unit::Seconds, "How long calls took, by operation.");
    describe_gauge!(
        NOTICES_PENDING,
        Unit::Count,
        "System notices that history has not confirmed yet, counted up to 10,000."
    );
    describe_gauge!(
        NOTICES_OLDEST_SECONDS,
        Unit::Seconds,
        "How long the oldest of these notices has waited."
    );
    describe_counter!(
        NOTICES_REFUSED,
        Unit::Count,
        "System notices that history refused for good: each is a defect."
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
    metrics::counter!(NOTICES_REFUSED).absolute(0);
    for reason in ["bus", "full"] {
        metrics::counter!(PUBLISH_FAILURES, "reason" => reason).absolute(0);
    }
    backlog(Backlog { pending: 0, oldest: None }, Duration::ZERO);
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

pub(crate) fn backlog(backlog: Backlog, waited: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "counted up to 10,000")]
    metrics::gauge!(NOTICES_PENDING).set(backlog.pending as f64);
    metrics::gauge!(NOTICES_OLDEST_SECONDS).set(waited.as_secs_f64());
}

pub(crate) fn notice_refused() {
    metrics::counter!(NOTICES_REFUSED).increment(1);
}

pub(crate) fn publish_failed(reason: &'static str, publications: usize) {
    metrics::counter!(PUBLISH_FAILURES, "reason" => reason).increment(publications as u64);
}
