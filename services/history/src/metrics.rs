//! What the history service counts. Names and meanings stand here and nowhere else.

use std::time::Duration;

use hubbub_domain::Code;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

use crate::store::Backlog;

/// Messages per transaction.
const BATCH_MESSAGES: &str = "hubbub_history_batch_messages";
/// Seconds from the beginning of a batch's transaction to its end, failed ones included.
const COMMIT_SECONDS: &str = "hubbub_history_commit_seconds";
/// Messages stored.
const APPENDED: &str = "hubbub_history_appended_total";
/// Messages that had been stored before.
const DUPLICATES: &str = "hubbub_history_duplicates_total";
/// Messages and changes refused, by `code`.
const REFUSED: &str = "hubbub_history_refused_total";
/// Messages waiting for a writer.
const QUEUED: &str = "hubbub_history_queued_messages";
/// The most that may wait, over all writers.
const QUEUED_MAX: &str = "hubbub_history_queued_messages_max";
/// Connections to Postgres: open, and those of them without work, and the most there may be.
const POOL: [&str; 3] = [
    "hubbub_history_postgres_connections",
    "hubbub_history_postgres_connections_idle",
    "hubbub_history_postgres_connections_max",
];
/// Edits, deletions and reactions stored, by `kind`.
const CHANGED: &str = "hubbub_history_changed_total";
/// Publications that the bus did not take; the sweep repeats them.
const PUBLISH_FAILURES: &str = "hubbub_history_publish_failures_total";
/// Commits that were left to the sweep because too much was waiting for the bus already.
const PUBLISH_SKIPPED: &str = "hubbub_history_publish_skipped_total";
/// Steps of the sweep, by `result` (`published`, `nothing`, `store_failed`, `bus_failed`).
const SWEEPS: &str = "hubbub_history_sweeps_total";
/// Ranges of revisions that the sweep published.
const SWEPT: &str = "hubbub_history_swept_ranges_total";
/// Epochs begun because the Postgres server was another one than before.
const EPOCHS_BEGUN: &str = "hubbub_history_epochs_begun_total";
/// Rows in the outbox.
const OUTBOX_ROWS: &str = "hubbub_history_outbox_rows";
/// Age of the oldest row in the outbox; 0 when it is empty.
const OUTBOX_OLDEST_SECONDS: &str = "hubbub_history_outbox_oldest_seconds";

#[expect(clippy::cast_precision_loss, reason = "a gauge needs no more than 52 bits")]
const fn gauge(number: u64) -> f64 {
    number as f64
}

/// What each family means, for the page that Prometheus reads.
fn describe() {
    describe_histogram!(BATCH_MESSAGES, Unit::Count, "Messages per transaction.");
    describe_histogram!(
        COMMIT_SECONDS,
        Unit::Seconds,
        "How long transactions of messages took, failed ones included."
    );
    describe_counter!(APPENDED, Unit::Count, "Messages stored.");
    describe_counter!(
        DUPLICATES,
        Unit::Count,
        "Messages that were stored already when they came again."
    );
    describe_counter!(REFUSED, Unit::Count, "Messages and changes refused, by code.");
    describe_gauge!(QUEUED, Unit::Count, "Messages waiting for a writer.");
    describe_gauge!(QUEUED_MAX, Unit::Count, "The most messages that may wait, over all writers.");
    describe_gauge!(POOL[0], Unit::Count, "Connections to Postgres that are open.");
    describe_gauge!(POOL[1], Unit::Count, "Open connections to Postgres without work.");
    describe_gauge!(POOL[2], Unit::Count, "The most connections to Postgres there may be.");
    describe_counter!(CHANGED, Unit::Count, "Edits, deletions and reactions stored, by kind.");
    describe_counter!(
        PUBLISH_FAILURES,
        Unit::Count,
        "Publications that the bus did not take; the sweep repeats them."
    );
    describe_counter!(
        PUBLISH_SKIPPED,
        Unit::Count,
        "Commits left to the sweep because too much waited for the bus."
    );
    describe_counter!(SWEEPS, Unit::Count, "Steps of the sweep, by result.");
    describe_counter!(SWEPT, Unit::Count, "Ranges of revisions that the sweep published.");
    describe_counter!(
        EPOCHS_BEGUN,
        Unit::Count,
        "Epochs begun because the Postgres server was another one than before."
    );
    describe_gauge!(OUTBOX_ROWS, Unit::Count, "Rows in the outbox.");
    describe_gauge!(
        OUTBOX_OLDEST_SECONDS,
        Unit::Seconds,
        "Age of the oldest row in the outbox; 0 when it is empty."
    );
}

/// The counters of what should not happen begin at 0, so that the first time is seen as a rise; the
/// bound stands beside what it bounds.
pub(crate) fn begin(queued_max: usize) {
    describe();
    for zero in [APPENDED, DUPLICATES, PUBLISH_FAILURES, PUBLISH_SKIPPED, SWEPT, EPOCHS_BEGUN] {
        metrics::counter!(zero).absolute(0);
    }
    for result in ["published", "nothing", "store_failed", "bus_failed"] {
        metrics::counter!(SWEEPS, "result" => result).absolute(0);
    }
    metrics::gauge!(QUEUED).increment(0.0);
    metrics::gauge!(QUEUED_MAX).set(gauge(queued_max as u64));
    outbox(Backlog::default(), Duration::ZERO);
}

/// Connections of the pool: open, idle, at the most.
pub(crate) fn pool([open, idle]: [u32; 2], max: u32) {
    for (name, count) in POOL.into_iter().zip([open, idle.min(open), max]) {
        metrics::gauge!(name).set(f64::from(count));
    }
}

pub(crate) fn committed(messages: usize, took: Duration) {
    metrics::histogram!(BATCH_MESSAGES).record(gauge(messages as u64));
    metrics::histogram!(COMMIT_SECONDS).record(took);
}

pub(crate) fn appended(stored: u64, duplicates: u64) {
    metrics::counter!(APPENDED).increment(stored);
    metrics::counter!(DUPLICATES).increment(duplicates);
}

pub(crate) fn refused(code: Code, count: u64) {
    metrics::counter!(REFUSED, "code" => code.as_str()).increment(count);
}

pub(crate) fn changed(kind: &'static str) {
    metrics::counter!(CHANGED, "kind" => kind).increment(1);
}

pub(crate) fn queued(messages: usize) {
    metrics::gauge!(QUEUED).increment(gauge(messages as u64));
}

pub(crate) fn unqueued(messages: usize) {
    metrics::gauge!(QUEUED).decrement(gauge(messages as u64));
}

pub(crate) fn publish_failed(commits: usize) {
    metrics::counter!(PUBLISH_FAILURES).increment(commits as u64);
}

pub(crate) fn publish_skipped() {
    metrics::counter!(PUBLISH_SKIPPED).increment(1);
}

pub(crate) fn swept(result: &'static str, ranges: usize) {
    metrics::counter!(SWEEPS, "result" => result).increment(1);
    metrics::counter!(SWEPT).increment(ranges as u64);
}

pub(crate) fn outbox(backlog: Backlog, age: Duration) {
    metrics::gauge!(OUTBOX_ROWS).set(gauge(backlog.rows));
    metrics::gauge!(OUTBOX_OLDEST_SECONDS).set(age.as_secs_f64());
}

pub(crate) fn epoch_begun() {
    metrics::counter!(EPOCHS_BEGUN).increment(1);
}
