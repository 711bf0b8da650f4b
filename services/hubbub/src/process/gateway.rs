//! The gateway: in a process of its own, or in front of the other roles.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use hubbub_auth::Verifier;
use hubbub_gateway::{BindError, Dependencies, Grants, Server};
use hubbub_runtime::grpc::Transport;

use super::{Process, probe::Hold};
use crate::{announce, failure::Failure, settings::Settings};

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
            standalone: false,
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
        let config = self.settings.gateway();
        let server =
            Server::bind(config, dependencies, &self.lifecycle).await.map_err(bind_failure)?;
        let address = server.local_address().context("the gateway's listener")?;
        server.run(&self.lifecycle);
        announce::listening(self.role, "client", address);
        Ok(address)
    }
}

fn bind_failure(error: BindError) -> Failure {
    Failure::Other(anyhow::Error::from(error).context("the gateway"))
}
