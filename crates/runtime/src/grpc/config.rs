//! The settings of gRPC servers and clients.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{TransportError, resolver::Resolver, tls::TlsConfig};
use crate::config::{Secret, duration};

/// How a role serves gRPC to the other roles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrpcServerConfig {
    /// Shared secret that callers must send as `authorization: Bearer …`; empty: none is asked for.
    pub token: Secret,
    /// Calls at work at once in the whole server; one more is refused as `unavailable`.
    pub concurrency_max: usize,
    /// Calls at work at once on one connection (HTTP/2 `MAX_CONCURRENT_STREAMS`).
    pub streams_max: u32,
    /// Open connections. At the bound: closed without a response.
    pub connections_max: usize,
    /// Open connections of one address (IPv6: one /64). At the bound: closed without a response.
    pub connections_per_address_max: usize,
    /// From accepting a connection to the end of its HTTP/2 preface. Then: closed.
    #[serde(with = "duration")]
    pub preface_timeout: Duration,
    /// From accepting a connection to a call that shows the service token. Then: closed.
    #[serde(with = "duration")]
    pub first_call_timeout: Duration,
    /// The most time a call gets, whatever its `grpc-timeout` says.
    #[serde(with = "duration")]
    pub call_timeout: Duration,
    /// After this long a connection is closed in an orderly way, so that clients find new instances.
    #[serde(with = "duration")]
    pub connection_age_max: Duration,
    /// How much longer the calls on such a connection may take.
    #[serde(with = "duration")]
    pub connection_age_grace: Duration,
    /// How often a silent connection is asked whether it is alive.
    #[serde(with = "duration")]
    pub keepalive_interval: Duration,
    /// How long the answer may take.
    #[serde(with = "duration")]
    pub keepalive_timeout: Duration,
    /// The most bytes of headers a call may have.
    pub header_list_bytes_max: u32,
    /// Streams a client may open and reset before we accepted them (CVE-2023-44487).
    pub pending_resets_max: usize,
    /// Callers may ask which services and messages there are (`grpc.reflection.v1`).
    pub reflection: bool,
    /// Callers must show a certificate.
    pub tls: TlsConfig,
}

impl Default for GrpcServerConfig {
    fn default() -> Self {
        Self {
            token: Secret::default(),
            concurrency_max: 4_096,
            streams_max: 1_024,
            connections_max: 4_096,
            connections_per_address_max: 512,
            preface_timeout: Duration::from_secs(5),
            first_call_timeout: Duration::from_mins(1),
            call_timeout: Duration::from_secs(30),
            connection_age_max: Duration::from_mins(5),
            connection_age_grace: Duration::from_secs(30),
            keepalive_interval: Duration::from_secs(20),
            keepalive_timeout: Duration::from_secs(10),
            header_list_bytes_max: 16 * 1024,
            pending_resets_max: 64,
            reflection: true,
            tls: TlsConfig::default(),
        }
    }
}

/// How a role calls another one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrpcClientConfig {
    /// `host:port`, several separated by commas. A name is resolved again and again, and every
    /// address it has is used: name a headless service, not one behind a single virtual address.
    pub address: String,
    /// Shared secret sent as `authorization: Bearer …`; empty: none is sent.
    pub token: Secret,
    /// The deadline of a call that has none of its own.
    #[serde(with = "duration")]
    pub call_timeout: Duration,
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// How often names are resolved again.
    #[serde(with = "duration")]
    pub resolve_interval: Duration,
    /// How long an address that failed is left alone; doubles with every failure in a row.
    #[serde(with = "duration")]
    pub ejection_min: Duration,
    /// The most it is left alone.
    #[serde(with = "duration")]
    pub ejection_max: Duration,
    #[serde(with = "duration")]
    pub keepalive_interval: Duration,
    #[serde(with = "duration")]
    pub keepalive_timeout: Duration,
    /// Servers must show a certificate, and so do we.
    pub tls: TlsConfig,
}

impl Default for GrpcClientConfig {
    fn default() -> Self {
        Self {
            address: String::new(),
            token: Secret::default(),
            call_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(1),
            resolve_interval: Duration::from_secs(5),
            ejection_min: Duration::from_millis(250),
            ejection_max: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(20),
            keepalive_timeout: Duration::from_secs(5),
            tls: TlsConfig::default(),
        }
    }
}

impl GrpcClientConfig {
    /// What can be known to be wrong without asking the network.
    pub fn validate(&self) -> Result<(), TransportError> {
        if http::HeaderValue::from_str(self.token.expose()).is_err() {
            return Err(TransportError::Token);
        }
        Resolver::parse(&self.address, self.connect_timeout).map(drop)
    }
}
