//! The listener for the other gateways, which find it by this node's entry in the registry
//! ([`crate::registry`]), and for other services, which ask who is online (`hubbub.presence.v1`). In a
//! standalone process it serves the other roles too. A caller shows the service token and, where that is
//! configured, a certificate.

use std::{io, net::SocketAddr, time::Duration};

use hubbub_runtime::{
    grpc::{self, GrpcClientConfig, GrpcServerConfig},
    lifecycle::Lifecycle,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tonic::service::Routes;

/// After so long a connection takes no new calls, and what is carried over it for a client (a poll, a
/// WebSocket) has as long again to end. Such a client reconnects, at most twice a day.
const CONNECTION_AGE: Duration = Duration::from_hours(6);
/// Calls at once on one connection: each client that is connected to one node and served by another takes
/// one. Two nodes have several connections (`relay::peers`). At the bound calls wait for a place.
const STREAMS_MAX: u32 = 8_192;

/// How the other gateways reach this one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the other gateways, and other services, connect to. Empty: nowhere; then Socket.IO clients
    /// that poll must come back to the gateway they began with.
    pub listen: String,
    /// The address (`host:port`) they are told. Empty: the one listened on, if it is that of an
    /// interface.
    pub advertise: String,
    /// As every role serves the others.
    #[serde(skip)]
    pub server: GrpcServerConfig,
    /// As every role calls the others.
    #[serde(skip)]
    pub client: GrpcClientConfig,
}

impl Config {
    /// What can be judged before anything listens; the text begins with the setting's name.
    pub(crate) fn validate(&self) -> Result<(), String> {
        self.address().map(|_| ())
    }

    /// Whether anything is to listen.
    pub fn is_on(&self) -> bool {
        !self.listen.is_empty()
    }

    /// Where to listen; `None` where nothing is configured.
    fn address(&self) -> Result<Option<SocketAddr>, String> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        let listen: Result<SocketAddr, _> = self.listen.parse();
        let listen = listen.map_err(|_| {
            format!("internal.listen is not an address and a port: {:?}", self.listen)
        })?;
        if listen.ip().is_unspecified() && self.advertise.is_empty() {
            return Err(format!(
                "internal.advertise must say where {listen} is reached by other gateways"
            ));
        }
        Ok(Some(listen))
    }
}

/// A bound listener.
pub(crate) struct Internal {
    listener: TcpListener,
    local: SocketAddr,
    address: String,
    config: Config,
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("gateway.{0}")]
    Config(String),
    #[error("cannot listen for other gateways on {0}")]
    Socket(SocketAddr, #[source] io::Error),
}

impl Internal {
    /// `None` where none is configured.
    pub(crate) async fn bind(config: &Config) -> Result<Option<Self>, BindError> {
        let Some(listen) = config.address().map_err(BindError::Config)? else { return Ok(None) };
        let socket = |error| BindError::Socket(listen, error);
        let listener = TcpListener::bind(listen).await.map_err(socket)?;
        let local = listener.local_addr().map_err(socket)?;
        let address = match &*config.advertise {
            "" => local.to_string(),
            address => address.to_owned(),
        };
        tracing::info!(%local, %address, "listening for other gateways and services");
        Ok(Some(Self { listener, local, address, config: config.clone() }))
    }

    /// How the others are called.
    pub(crate) fn client(&self) -> GrpcClientConfig {
        self.config.client.clone()
    }

    /// Where it listens; with port 0 in the configuration, the port it got.
    pub(crate) const fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// Where the others reach this node.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Serves the other nodes until the lifecycle drains.
    pub(crate) fn run(self, routes: Routes, lifecycle: &Lifecycle) {
        let Self { listener, config, .. } = self;
        let serving = grpc::serve(listener, routes, &bounds(config.server), lifecycle);
        lifecycle.spawn("internal listener", serving);
    }
}

/// As every role serves the others, but for what is carried for clients as long as they stay.
fn bounds(server: GrpcServerConfig) -> GrpcServerConfig {
    GrpcServerConfig {
        connection_age_max: CONNECTION_AGE,
        connection_age_grace: CONNECTION_AGE,
        streams_max: STREAMS_MAX,
        ..server
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hubbub_runtime::grpc::GrpcServerConfig;

    #[test]
    fn a_connection_has_an_end_and_a_bound() {
        let bounds = super::bounds(GrpcServerConfig::default());
        let life = bounds.connection_age_max + bounds.connection_age_grace;
        assert!(life <= Duration::from_hours(12), "{life:?}");
        assert!(bounds.streams_max <= 10_000);
        assert_eq!(bounds.preface_timeout, GrpcServerConfig::default().preface_timeout);
    }
}
