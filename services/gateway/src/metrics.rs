//! The gateway's metrics, by name. The listener's own are in `edge::metrics`.

use std::time::Duration;

use hubbub_domain::Fault;
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::config::Config;

#[expect(clippy::cast_precision_loss, reason = "gauges and histograms are floating point")]
const fn float(count: usize) -> f64 {
    count as f64
}

/// Why a session fell behind in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Slow,
    Entered,
    Skipped,
}

impl Cause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Entered => "entered",
            Self::Skipped => "skipped",
        }
    }
}

/// Every counter, with what it means.
const COUNTERS: [(&str, &str); 26] = [
    (
        "hubbub_gateway_append_refused_total",
        "Messages refused because their lane to history was full.",
    ),
    ("hubbub_gateway_bus_interruptions_total", "Interruptions of the bus."),
    (
        "hubbub_gateway_catch_up_fetches_total",
        "Fetches from history for sessions that were behind further than the ring of recent changes.",
    ),
    ("hubbub_gateway_changes_received_total", "Changes taken from the bus."),
    (
        "hubbub_gateway_changes_repaired_total",
        "Changes that history was asked for because the bus did not bring them.",
    ),
    ("hubbub_gateway_deliveries_total", "Changes delivered to sessions as live events."),
    (
        "hubbub_gateway_engineio_foreign_requests_total",
        "Requests for an Engine.IO session that came with another token.",
    ),
    (
        "hubbub_gateway_engineio_handed_on_total",
        "Requests handed on to the gateway that holds their Engine.IO session, by kind.",
    ),
    ("hubbub_gateway_engineio_sessions_ended_total", "Engine.IO sessions that ended, by reason."),
    (
        "hubbub_gateway_engineio_upgrades_total",
        "Engine.IO sessions that went on from polling to a WebSocket.",
    ),
    ("hubbub_gateway_envelopes_refused_total", "Envelopes of the bus that could not be read."),
    ("hubbub_gateway_fell_behind_total", "Times that a session fell behind in a room, by cause."),
    (
        "hubbub_gateway_gap_repairs_total",
        "Requests to history for changes that the bus did not bring.",
    ),
    (
        "hubbub_gateway_memberships_reread_total",
        "Lists of memberships that were read anew because a change was missed.",
    ),
    (
        "hubbub_gateway_presence_told_total",
        "Changes of presence that this gateway published, by availability.",
    ),
    (
        "hubbub_gateway_pushes_dropped_total",
        "Sessions that did not get a pushed event because too much waited for them.",
    ),
    (
        "hubbub_gateway_rebalance_moves_total",
        "Sessions asked to move because other gateways hold fewer.",
    ),
    ("hubbub_gateway_requests_total", "Requests of clients answered, by command and code."),
    (
        "hubbub_gateway_resets_total",
        "Rooms of sessions that were too far behind and got the newest page instead.",
    ),
    (
        "hubbub_gateway_rooms_compared_total",
        "Rooms whose heads were compared with history, by cause.",
    ),
    (
        "hubbub_gateway_rooms_forked_total",
        "Live rooms that went on in another epoch, or lost their newest changes.",
    ),
    ("hubbub_gateway_service_calls_total", "Calls of other services answered, by call and code."),
    (
        "hubbub_gateway_sessions_disconnected_total",
        "Sessions closed because another service disconnected the user.",
    ),
    (
        "hubbub_gateway_sessions_ended_total",
        "Sessions that ended, by close code or by what broke the connection.",
    ),
    ("hubbub_gateway_sessions_revoked_total", "Sessions closed because their login has ended."),
    (
        "hubbub_gateway_tidings_lost_total",
        "Messages to other gateways that were lost because the queue was full or the bus was gone.",
    ),
];

/// Every gauge.
const GAUGES: [(&str, &str); 10] = [
    ("hubbub_gateway_append_queued_messages", "Messages waiting in the lanes to history."),
    (
        "hubbub_gateway_append_queued_messages_max",
        "The most messages that may wait in the lanes to history.",
    ),
    ("hubbub_gateway_connections_max", "The most connections that may be open."),
    (
        "hubbub_gateway_drain_remaining",
        "Sessions still to be asked to move while the gateway drains.",
    ),
    ("hubbub_gateway_engineio_sessions", "Engine.IO sessions open now."),
    ("hubbub_gateway_mean_sessions", "Sessions that a gateway of the cluster holds on average."),
    ("hubbub_gateway_presence_leases", "Leases of sessions that this gateway renews."),
    ("hubbub_gateway_rooms", "Rooms followed now, with idle ones that are still subscribed."),
    ("hubbub_gateway_sessions", "Sessions open now."),
    ("hubbub_gateway_users", "Users with an entry now, idle ones among them."),
];

/// Every histogram, with its unit.
const HISTOGRAMS: [(&str, Unit, &str); 4] = [
    ("hubbub_gateway_append_batch_messages", Unit::Count, "Messages in one call to history."),
    (
        "hubbub_gateway_deliver_seconds",
        Unit::Seconds,
        "From a message's place in its room to the sockets of the sessions here.",
    ),
    (
        "hubbub_gateway_send_seconds",
        Unit::Seconds,
        "From reading a send to handing over its answer.",
    ),
    (
        "hubbub_gateway_service_call_seconds",
        Unit::Seconds,
        "How long calls of other services took, by call.",
    ),
];

fn describe() {
    for (name, text) in COUNTERS {
        describe_counter!(name, Unit::Count, text);
    }
    for (name, text) in GAUGES {
        describe_gauge!(name, Unit::Count, text);
    }
    for (name, unit, text) in HISTOGRAMS {
        describe_histogram!(name, unit, text);
    }
}

/// The counters of what should not happen begin at 0, so that the first time is seen as a rise; the
/// bounds stand beside what they bound.
pub(crate) fn begin(config: &Config) {
    describe();
    for cause in [Cause::Slow, Cause::Entered, Cause::Skipped] {
        counter!("hubbub_gateway_fell_behind_total", "cause" => cause.as_str()).absolute(0);
    }
    for cause in ["resumed", "interval"] {
        counter!("hubbub_gateway_rooms_compared_total", "cause" => cause).absolute(0);
    }
    for zero in [
        "hubbub_gateway_append_refused_total",
        "hubbub_gateway_bus_interruptions_total",
        "hubbub_gateway_catch_up_fetches_total",
        "hubbub_gateway_changes_received_total",
        "hubbub_gateway_changes_repaired_total",
        "hubbub_gateway_deliveries_total",
        "hubbub_gateway_envelopes_refused_total",
        "hubbub_gateway_gap_repairs_total",
        "hubbub_gateway_memberships_reread_total",
        "hubbub_gateway_pushes_dropped_total",
        "hubbub_gateway_resets_total",
        "hubbub_gateway_rooms_forked_total",
    ] {
        counter!(zero).absolute(0);
    }
    counter!("hubbub_gateway_sessions_ended_total", "code" => "too_slow").absolute(0);
    gauge!("hubbub_gateway_drain_remaining").set(0.0);
    gauge!("hubbub_gateway_sessions").set(0.0);
    gauge!("hubbub_gateway_rooms").set(0.0);
    gauge!("hubbub_gateway_append_queued_messages").set(0.0);
    let lanes = config.append.lanes.get();
    gauge!("hubbub_gateway_append_queued_messages_max")
        .set(float(lanes.saturating_mul(config.append.lane_messages_max)));
    gauge!("hubbub_gateway_connections_max").set(f64::from(config.edge.connections_max));
}

/// Messages put into the lanes to history.
pub(crate) fn append_queued() {
    gauge!("hubbub_gateway_append_queued_messages").increment(1.0);
}

/// Messages taken from them.
pub(crate) fn append_unqueued(messages: usize) {
    gauge!("hubbub_gateway_append_queued_messages").decrement(float(messages));
}

/// Sessions open now.
pub(crate) fn sessions(count: usize) {
    gauge!("hubbub_gateway_sessions").set(float(count));
}

/// A session ended; `code` is the close code, or what broke the connection.
pub(crate) fn session_ended(code: &'static str) {
    counter!("hubbub_gateway_sessions_ended_total", "code" => code).increment(1);
}

/// A session was closed because its login has ended.
pub(crate) fn session_revoked() {
    counter!("hubbub_gateway_sessions_revoked_total").increment(1);
}

/// A session was closed because a service wanted its user disconnected.
pub(crate) fn session_disconnected() {
    counter!("hubbub_gateway_sessions_disconnected_total").increment(1);
}

/// Sessions that were not told a push: too much waited for them.
pub(crate) fn pushes_dropped(count: usize) {
    counter!("hubbub_gateway_pushes_dropped_total").increment(count as u64);
}

/// A request was answered; `code` is `ok` or the fault's.
pub(crate) fn request(command: &'static str, code: &'static str) {
    counter!("hubbub_gateway_requests_total", "command" => command, "code" => code).increment(1);
}

/// Another service called; `code` is `ok` or the fault's.
pub(crate) fn service_call(call: &'static str, fault: Option<&Fault>, took: Duration) {
    let code = fault.map_or("ok", |fault| fault.code.as_str());
    counter!("hubbub_gateway_service_calls_total", "call" => call, "code" => code).increment(1);
    histogram!("hubbub_gateway_service_call_seconds", "call" => call).record(took.as_secs_f64());
}

/// Seconds from reading a `send` to handing over its answer.
pub(crate) fn send_seconds(seconds: f64) {
    histogram!("hubbub_gateway_send_seconds").record(seconds);
}

/// Rooms followed now, idle ones that are still subscribed among them.
pub(crate) fn rooms(count: usize) {
    gauge!("hubbub_gateway_rooms").set(float(count));
}

/// Users with an entry now, idle ones among them.
pub(crate) fn users(count: usize) {
    gauge!("hubbub_gateway_users").set(float(count));
}

/// Changes taken from the bus.
pub(crate) fn changes_received(count: usize) {
    counter!("hubbub_gateway_changes_received_total").increment(count as u64);
}

/// Changes put into sessions' outboxes as live events.
pub(crate) fn delivered(count: usize) {
    counter!("hubbub_gateway_deliveries_total").increment(count as u64);
}

/// Seconds from a message's place in its room (history's clock) to the sockets of the sessions here
/// (ours): as exact as the two clocks agree, and never below 0. Once per message and gateway, by one of its writers.
pub(crate) fn deliver_seconds(seconds: f64) {
    histogram!("hubbub_gateway_deliver_seconds").record(seconds);
}

/// Changes the bus did not bring in time and history was asked for.
pub(crate) fn repaired(missing: u64) {
    counter!("hubbub_gateway_gap_repairs_total").increment(1);
    counter!("hubbub_gateway_changes_repaired_total").increment(missing);
}

/// Fetches for sessions that were behind further than the ring of recent changes reaches.
pub(crate) fn missed_fetched() {
    counter!("hubbub_gateway_catch_up_fetches_total").increment(1);
}

/// Sessions that fell behind in a room; `cause` is `slow` when the client did not take what was
/// there, `entered` when it came or came back, `skipped` when the room itself went ahead.
pub(crate) fn fell_behind(cause: Cause) {
    counter!("hubbub_gateway_fell_behind_total", "cause" => cause.as_str()).increment(1);
}

/// Rooms that went on in another epoch, or lost their newest changes.
pub(crate) fn room_forked() {
    counter!("hubbub_gateway_rooms_forked_total").increment(1);
}

/// Rooms of sessions that were too far behind and got the newest page instead.
pub(crate) fn reset() {
    counter!("hubbub_gateway_resets_total").increment(1);
}

/// Rooms whose heads were compared with history; `cause` is `resumed` after an interruption of the
/// bus, `interval` from time to time.
pub(crate) fn rooms_compared(cause: &'static str, count: usize) {
    counter!("hubbub_gateway_rooms_compared_total", "cause" => cause).increment(count as u64);
}

/// Interruptions of the bus.
pub(crate) fn bus_interrupted() {
    counter!("hubbub_gateway_bus_interruptions_total").increment(1);
}

/// Envelopes that could not be read.
pub(crate) fn envelope_refused() {
    counter!("hubbub_gateway_envelopes_refused_total").increment(1);
}

/// Lists of memberships that were read anew because a change was missed.
pub(crate) fn memberships_reread() {
    counter!("hubbub_gateway_memberships_reread_total").increment(1);
}

/// Messages in one call to history.
pub(crate) fn append_batch(messages: usize) {
    histogram!("hubbub_gateway_append_batch_messages").record(float(messages));
}

/// Messages refused because their lane was full.
pub(crate) fn append_refused() {
    counter!("hubbub_gateway_append_refused_total").increment(1);
}

/// Sessions still to be asked to move while the gateway drains.
pub(crate) fn drain_remaining(count: usize) {
    gauge!("hubbub_gateway_drain_remaining").set(float(count));
}

/// Leases of sessions that this gateway renews.
pub(crate) fn leases(count: usize) {
    gauge!("hubbub_gateway_presence_leases").set(float(count));
}

/// Changes of somebody's presence that this gateway told the others.
pub(crate) fn presence_told(availability: &'static str) {
    counter!("hubbub_gateway_presence_told_total", "availability" => availability).increment(1);
}

/// What the other gateways were not told: the queue was full, or the bus was gone.
pub(crate) fn tidings_lost(count: usize) {
    counter!("hubbub_gateway_tidings_lost_total").increment(count as u64);
}

/// Sessions asked to move because other gateways hold fewer.
pub(crate) fn rebalanced(count: usize) {
    counter!("hubbub_gateway_rebalance_moves_total").increment(count as u64);
}

/// Sessions that a gateway of the cluster holds on average, as this one last saw it.
pub(crate) fn mean_sessions(mean: f64) {
    gauge!("hubbub_gateway_mean_sessions").set(mean);
}

/// Engine.IO sessions open now.
pub(crate) fn engine_sessions(count: usize) {
    gauge!("hubbub_gateway_engineio_sessions").set(float(count));
}

/// An Engine.IO session ended, and why.
pub(crate) fn engine_session_ended(reason: &'static str) {
    counter!("hubbub_gateway_engineio_sessions_ended_total", "reason" => reason).increment(1);
}

/// A session that polled goes on over a WebSocket.
pub(crate) fn engine_upgraded() {
    counter!("hubbub_gateway_engineio_upgrades_total").increment(1);
}

/// A request for a session came with another's token.
pub(crate) fn engine_foreign_request() {
    counter!("hubbub_gateway_engineio_foreign_requests_total").increment(1);
}

/// A request for a session of another node was handed on to it.
pub(crate) fn engine_handed_on(kind: &'static str) {
    counter!("hubbub_gateway_engineio_handed_on_total", "kind" => kind).increment(1);
}
