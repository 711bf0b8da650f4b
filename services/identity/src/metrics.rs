//! The names of what the identity service counts, and the only place where it does.

use std::time::Duration;

use hubbub_domain::Fault;

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
