//! The gateway: in a process of its own, or in front of the other roles.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use hubbub_auth::Verifier;
use hubbub_gateway::{BindError, Dependencies, DrainConfig, Grants, Server};
use hubbub_runtime::grpc::Transport;

use super::{Process, probe::Hold};
use crate::{announce, cli::Role, failure::Failure, settings::Settings};

/// How long the sessions of a process that stands alone may take to go.
const ALONE_PATIENCE: Duration = Duration::from_secs(1);

impl Process {
    pub(super) async fn start_gateway(&self) -> Result<(), Failure> {
        let [room, history] = [self.settings.to_room(), self.settings.to_history()];
        let room = Transport::connect(&room).await.map_err(Failure::config)?;
        let history = Transport::connect(&history).await.map_err(Failure::config)?;
        for (name, peer) in [("room service", &room), ("history service", &history)] {
            let peer = peer.clone();
            self.probe(name, Hold::Once, move || {
                let peer = peer.clone();
                async move { peer.check().await }
            });
        }
        let identity = match self.settings.to_identity() {
            Some(identity) => {
                let identity = Transport::connect(&identity).await.map_err(Failure::config)?;
                let peer = identity.clone();
                self.probe("identity service", Hold::Once, move || {
                    let peer = peer.clone();
                    async move { peer.check().await }
                });
                Some(Grants::new(identity))
            }
            None => None,
        };
        let dependencies = Dependencies {
            bus: self.bus()?,
            ephemeral: self.ephemeral()?,
            room,
            history,
            verifier: self.verifier(&self.settings, identity.as_ref())?,
            identity,
            clock: Arc::clone(&self.clock),
            standalone: None,
        };
        self.serve_clients(dependencies).await?;
        Ok(())
    }

    pub(super) fn verifier(
        &self,
        settings: &Settings,
        identity: Option<&Grants>,
    ) -> Result<Verifier, Failure> {
        let (auth, clock) = (&settings.auth, Arc::clone(&self.clock));
        match identity {
            Some(identity) => Verifier::with_issuer(auth, clock, Arc::new(identity.clone())),
            None => Verifier::new(auth, clock),
        }
        .map_err(Failure::config)
    }

    /// Listens for clients and serves them; says where.
    pub(super) async fn serve_clients(
        &self,
        dependencies: Dependencies,
    ) -> Result<SocketAddr, Failure> {
        let config = self.gateway_config();
        let server =
            Server::bind(config, dependencies, &self.lifecycle).await.map_err(bind_failure)?;
        let address = server.local_address().context("the gateway's listener")?;
        if let Some(internal) = server.internal_address() {
            announce::listening(self.role, "internal", internal);
        }
        server.run(&self.lifecycle);
        announce::listening(self.role, "client", address);
        Ok(address)
    }
}

impl Process {
    /// Without a bus that others are on there is no gateway to move sessions to: they are closed at once,
    /// and their clients come back when the process does.
    fn gateway_config(&self) -> hubbub_gateway::Config {
        let mut config = self.settings.gateway();
        if self.role == Role::Standalone && self.settings.bus().urls.is_empty() {
            config.drain = DrainConfig {
                notice: Duration::ZERO,
                window: Duration::ZERO,
                patience: config.drain.patience.min(ALONE_PATIENCE),
            };
        }
        config
    }
}

fn bind_failure(error: BindError) -> Failure {
    match error {
        BindError::Config(_) => Failure::config(error),
        error => Failure::Other(anyhow::Error::from(error).context("the gateway")),
    }
}
