//! The gateway's metrics, by name. The listener's own are in `edge::metrics`.

use metrics::{counter, gauge, histogram};

#[expect(clippy::cast_precision_loss, reason = "gauges and histograms are floating point")]
const fn float(count: usize) -> f64 {
    count as f64
}

/// Sessions open now.
pub(crate) fn sessions(count: usize) {
    gauge!("hubbub_gateway_sessions").set(float(count));
}

/// A session ended; `code` is the close code, or what broke the connection.
pub(crate) fn session_ended(code: &'static str) {
    counter!("hubbub_gateway_sessions_ended_total", "code" => code).increment(1);
}

/// A request was answered; `code` is `ok` or the fault's.
pub(crate) fn request(command: &'static str, code: &'static str) {
    counter!("hubbub_gateway_requests_total", "command" => command, "code" => code).increment(1);
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

/// Changes the bus did not bring in time and history was asked for.
pub(crate) fn repaired(missing: u64) {
    counter!("hubbub_gateway_gap_repairs_total").increment(1);
    counter!("hubbub_gateway_changes_repaired_total").increment(missing);
}

/// Fetches for sessions that were behind further than the ring of recent changes reaches.
pub(crate) fn missed_fetched() {
    counter!("hubbub_gateway_catch_up_fetches_total").increment(1);
}

/// Sessions that fell behind in a room because their outbox was full or they came back.
pub(crate) fn fell_behind() {
    counter!("hubbub_gateway_fell_behind_total").increment(1);
}

/// Rooms of sessions that were too far behind and got the newest page instead.
pub(crate) fn reset() {
    counter!("hubbub_gateway_resets_total").increment(1);
}

/// Rooms whose heads were compared with history.
pub(crate) fn rooms_compared(count: usize) {
    counter!("hubbub_gateway_rooms_compared_total").increment(count as u64);
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
