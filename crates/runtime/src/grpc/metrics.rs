//! What gRPC servers and clients count.

use std::time::Instant;

use http::Response;
use metrics::{Unit, describe_counter, describe_histogram};
use tonic::{Code, Status, body::Body};

/// Calls served, by `method` and `code`.
const CALLS: &str = "hubbub_grpc_server_calls_total";
/// Seconds from a call's arrival to its answer's first byte, by `method` and `code`.
const SECONDS: &str = "hubbub_grpc_server_seconds";
/// Addresses left alone after a failure, by `address`.
const EJECTIONS: &str = "hubbub_grpc_client_ejections_total";

/// Connections of others than roles, refused in their handshake.
const HANDSHAKES_FAILED: &str = "hubbub_grpc_handshakes_failed_total";

/// Connections closed because there were too many, in all or of their address.
const CONNECTIONS_REFUSED: &str = "hubbub_grpc_connections_refused_total";

/// What each of them means, for the page that Prometheus reads.
pub(crate) fn describe() {
    describe_counter!(CALLS, Unit::Count, "gRPC calls served, by method and code.");
    describe_histogram!(
        SECONDS,
        Unit::Seconds,
        "From a gRPC call's arrival to the first byte of its answer, by method and code."
    );
    describe_counter!(
        EJECTIONS,
        Unit::Count,
        "Times that an address was left alone after failures, by address."
    );
    describe_counter!(
        HANDSHAKES_FAILED,
        Unit::Count,
        "Connections of peers without a valid certificate, refused in the handshake."
    );
    describe_counter!(
        CONNECTIONS_REFUSED,
        Unit::Count,
        "Connections closed because there were too many, in all or of their address."
    );
}

/// A call being served. Dropped before it ended, it counts as cancelled.
pub(super) struct ServedCall {
    method: String,
    begun: Instant,
    code: Code,
}

impl ServedCall {
    pub(super) fn begun(path: &str) -> Self {
        let method = path.trim_start_matches('/').to_owned();
        Self { method, begun: Instant::now(), code: Code::Cancelled }
    }

    /// The code of an answer that already streams is not known yet: it counts as `ok`.
    pub(super) fn ended(mut self, response: &Response<Body>) {
        self.code = Status::from_header_map(response.headers()).map_or(Code::Ok, |s| s.code());
        if matches!(self.code, Code::Unimplemented | Code::Unauthenticated) {
            // A caller that invents method names must not invent time series.
            "unknown".clone_into(&mut self.method);
        }
    }
}

impl Drop for ServedCall {
    fn drop(&mut self) {
        let labels =
            [("method", std::mem::take(&mut self.method)), ("code", name(self.code).to_owned())];
        metrics::counter!(CALLS, &labels).increment(1);
        metrics::histogram!(SECONDS, &labels).record(self.begun.elapsed());
    }
}

pub(super) fn ejected(address: &str) {
    metrics::counter!(EJECTIONS, "address" => address.to_owned()).increment(1);
}

pub(super) fn handshake_failed() {
    metrics::counter!(HANDSHAKES_FAILED).increment(1);
}

pub(super) fn connection_refused() {
    metrics::counter!(CONNECTIONS_REFUSED).increment(1);
}

/// The spelling of the gRPC specification, in lower case.
const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}
