//! The names of this crate's metrics.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

/// Counter: payloads that the bus took.
pub const PUBLISHED: &str = "hubbub_bus_published_total";
/// Counter: calls to publish that failed, whole batches each.
pub const PUBLISH_ERRORS: &str = "hubbub_bus_publish_errors_total";
/// Counter: payloads put into a feed.
pub const DELIVERIES: &str = "hubbub_bus_deliveries_total";
/// Counter: payloads dropped because a feed was full; each such drop is part of an interruption.
pub const DROPPED: &str = "hubbub_bus_dropped_total";
/// Counter: interruptions announced to feeds, whatever the reason.
pub const INTERRUPTIONS: &str = "hubbub_bus_interruptions_total";
/// Gauge: topics wanted by the subscribers of this process.
pub const SUBSCRIBED_TOPICS: &str = "hubbub_bus_subscribed_topics";

/// What each family means, for the page that Prometheus reads.
fn describe() {
    describe_counter!(PUBLISHED, Unit::Count, "Payloads that the bus accepted.");
    describe_counter!(
        PUBLISH_ERRORS,
        Unit::Count,
        "Calls to publish that failed, a whole batch each."
    );
    describe_counter!(DELIVERIES, Unit::Count, "Payloads put into a feed.");
    describe_counter!(DROPPED, Unit::Count, "Payloads dropped because a feed was full.");
    describe_counter!(INTERRUPTIONS, Unit::Count, "Interruptions announced to feeds.");
    describe_gauge!(SUBSCRIBED_TOPICS, Unit::Count, "Topics that this process is subscribed to.");
}

/// Counters of what should not happen begin at 0, so that the first time is seen as a rise.
pub(crate) fn begin() {
    describe();
    for zero in [PUBLISHED, PUBLISH_ERRORS, DELIVERIES, DROPPED, INTERRUPTIONS] {
        counter!(zero).absolute(0);
    }
    gauge!(SUBSCRIBED_TOPICS).increment(0.0);
}

pub(crate) fn published(payloads: usize) {
    counter!(PUBLISHED).increment(payloads as u64);
}

pub(crate) fn publish_failed() {
    counter!(PUBLISH_ERRORS).increment(1);
}

pub(crate) fn delivered() {
    counter!(DELIVERIES).increment(1);
}

pub(crate) fn dropped() {
    counter!(DROPPED).increment(1);
}

pub(crate) fn interrupted() {
    counter!(INTERRUPTIONS).increment(1);
}

/// The counts are exact up to 2^53, far beyond any list of topics.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(crate) fn topics_changed(before: usize, after: usize) {
    gauge!(SUBSCRIBED_TOPICS).increment(after as f64 - before as f64);
}
