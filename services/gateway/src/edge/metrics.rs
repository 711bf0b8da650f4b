//! The names of everything the edge counts.

use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

/// Connections taken from the kernel, refused ones included.
const ACCEPTED: &str = "hubbub_gateway_connections_accepted_total";
/// Connections and requests turned away at the edge, by `reason`.
const REFUSED: &str = "hubbub_gateway_connections_refused_total";
/// Connections open now, HTTP and WebSocket.
const OPEN: &str = "hubbub_gateway_connections_open";
/// From accepting a connection to its WebSocket.
const HANDSHAKE: &str = "hubbub_gateway_handshake_seconds";
/// Failures to accept, by `kind`; the loop goes on after each.
const ACCEPT_ERRORS: &str = "hubbub_gateway_accept_errors_total";

/// Why somebody was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    ConnectionsFull,
    RefusalsFull,
    AddressRate,
    AddressFull,
    AddressHandshakes,
    AddressBytes,
    BytesFull,
    SessionRate,
    Origin,
    HandshakeTimeout,
    RequestTimeout,
    BodyTimeout,
    BadRequest,
}

impl Refused {
    const ALL: [Self; 13] = [
        Self::ConnectionsFull,
        Self::RefusalsFull,
        Self::AddressRate,
        Self::AddressFull,
        Self::AddressHandshakes,
        Self::AddressBytes,
        Self::BytesFull,
        Self::SessionRate,
        Self::Origin,
        Self::HandshakeTimeout,
        Self::RequestTimeout,
        Self::BodyTimeout,
        Self::BadRequest,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionsFull => "connections_full",
            Self::RefusalsFull => "refusals_full",
            Self::AddressRate => "address_rate",
            Self::AddressFull => "address_full",
            Self::AddressHandshakes => "address_handshakes",
            Self::AddressBytes => "address_bytes",
            Self::BytesFull => "bytes_full",
            Self::SessionRate => "session_rate",
            Self::Origin => "origin",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::RequestTimeout => "request_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::BadRequest => "bad_request",
        }
    }
}

pub(super) fn describe() {
    describe_counter!(ACCEPTED, Unit::Count, "Connections taken from the kernel.");
    describe_counter!(REFUSED, Unit::Count, "Connections and requests turned away, by reason.");
    describe_gauge!(OPEN, Unit::Count, "Connections open now.");
    describe_histogram!(HANDSHAKE, Unit::Seconds, "From accepting a connection to its WebSocket.");
    describe_counter!(ACCEPT_ERRORS, Unit::Count, "Failures to accept a connection, by kind.");
    counter!(ACCEPTED).absolute(0);
    gauge!(OPEN).set(0.0);
    for reason in Refused::ALL {
        counter!(REFUSED, "reason" => reason.as_str()).absolute(0);
    }
}

pub(super) fn accepted() {
    counter!(ACCEPTED).increment(1);
}

pub(super) fn refused(reason: Refused) {
    counter!(REFUSED, "reason" => reason.as_str()).increment(1);
}

pub(super) fn opened() {
    gauge!(OPEN).increment(1);
}

pub(super) fn closed() {
    gauge!(OPEN).decrement(1);
}

pub(super) fn upgraded(after: Duration) {
    histogram!(HANDSHAKE).record(after);
}

pub(super) fn accept_failed(error: &std::io::Error) {
    counter!(ACCEPT_ERRORS, "kind" => error.kind().to_string()).increment(1);
}
