//! Every bound of the edge, in one place.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use hubbub_runtime::config::duration;
use serde::{Deserialize, Serialize};

use super::{AddressHeader, Network};

/// How clients are let in. The defaults are those of a node that faces the internet directly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where clients connect to. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Connections that wait in the kernel to be accepted. What exceeds them must try again by TCP.
    pub backlog: u32,
    /// Open connections, WebSocket and HTTP. At the bound: 503 with `Retry-After`.
    pub connections_max: u32,
    /// Connections whose first request has not arrived. At the bound: no more are accepted until
    /// one has, or `handshake_timeout` ended one; the backlog holds the rest.
    pub handshakes_max: u32,
    /// Open connections of one client address (IPv6: one /64), WebSockets among them; as many sessions that
    /// poll. Behind a trusted proxy its open requests count instead. At the bound: 429.
    pub connections_per_address_max: u32,
    /// Those of them that are no WebSocket. At the bound: 429.
    pub http_per_address_max: u32,
    /// Connections of one address whose first request has not arrived. At the bound: closed without a
    /// response.
    pub handshakes_per_address_max: u32,
    /// Bytes of requests and messages that are not complete, in the whole node. The first 4 KiB of each do
    /// not count. At the bound: 503, and WebSockets are closed with 4003.
    pub unfinished_bytes_max: usize,
    /// The same, of one client address. At the bound: 429, and WebSockets are closed with 4003.
    pub unfinished_bytes_per_address_max: usize,
    /// How long nothing may come of a request's body, and how long all of it may take, with a second more
    /// for every so many bytes that came. Then: 408.
    #[serde(with = "duration")]
    pub body_timeout: Duration,
    pub body_bytes_per_second_min: NonZeroU32,
    /// Refusals being told at the same time. At the bound: closed without a word.
    pub refusals_max: u32,
    /// From accepting a connection to the end of its first request's head. Then: closed.
    #[serde(with = "duration")]
    pub handshake_timeout: Duration,
    /// How long an HTTP connection may wait for its next request, head included. Then: closed.
    #[serde(with = "duration")]
    pub keep_alive_timeout: Duration,
    /// From a request's head to its response, its body included. Longer than a long poll. Then: 503.
    #[serde(with = "duration")]
    pub request_timeout: Duration,
    /// The head of a request. At the bound: 431.
    pub header_bytes_max: usize,
    /// How long the kernel holds bytes that a peer does not take before it gives the connection up
    /// (`TCP_USER_TIMEOUT`). Longer than a session's own patience with slow clients.
    #[serde(with = "duration")]
    pub unacknowledged_timeout: Duration,
    /// After how long a silence the kernel asks whether the peer is still there.
    #[serde(with = "duration")]
    pub tcp_keepalive: Duration,
    /// New connections of one client address (IPv6: one /64) in a second. At the bound: 429.
    pub connects_per_address_per_second: NonZeroU32,
    /// New sessions of the whole node in a second; at most `connects_burst` at once. At the bound:
    /// 503 with `Retry-After`.
    pub connects_per_second: NonZeroU32,
    /// New sessions that may come at once after a quiet time.
    pub connects_burst: NonZeroU32,
    /// Over how long the clients refused by `connects_per_second` are spread.
    #[serde(with = "duration")]
    pub retry_spread: Duration,
    /// Open sessions of one user on this node. At the bound: closed with 4509.
    pub connections_per_user_max: u32,
    /// Networks (`10.0.0.0/8`) or addresses whose word on the client's address is believed.
    pub trusted_proxies: Vec<Network>,
    /// The one header in which those proxies say it. Not both: a proxy that writes one of them may
    /// pass the client's own version of the other.
    pub client_address_header: AddressHeader,
    /// Pages that may talk to us: origins (`https://chat.example.org`), `same-host` for pages that
    /// come from the host they talk to, `moz-extension://*` for all origins of a scheme that is not the
    /// web's, `null` and `file://` for pages without a host, `*` for all.
    pub allowed_origins: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::UNSPECIFIED, 8080).into(),
            backlog: 4_096,
            connections_max: 200_000,
            handshakes_max: 4_096,
            connections_per_address_max: 20_000,
            http_per_address_max: 2_000,
            handshakes_per_address_max: 512,
            unfinished_bytes_max: 32 * 1024 * 1024,
            unfinished_bytes_per_address_max: 8 * 1024 * 1024,
            body_timeout: Duration::from_secs(10),
            body_bytes_per_second_min: of(2_000),
            refusals_max: 256,
            handshake_timeout: Duration::from_secs(5),
            keep_alive_timeout: Duration::from_secs(75),
            request_timeout: Duration::from_mins(1),
            header_bytes_max: 16 * 1024,
            unacknowledged_timeout: Duration::from_secs(45),
            tcp_keepalive: Duration::from_mins(1),
            connects_per_address_per_second: of(100),
            connects_per_second: of(1_000),
            connects_burst: of(2_000),
            retry_spread: Duration::from_secs(10),
            connections_per_user_max: 20,
            trusted_proxies: Vec::new(),
            client_address_header: AddressHeader::default(),
            allowed_origins: vec!["same-host".into()],
        }
    }
}

const fn of(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}
