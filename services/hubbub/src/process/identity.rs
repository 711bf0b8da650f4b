//! The identity service: in a process of its own, or within one.

use std::sync::Arc;

use anyhow::Context as _;
use hubbub_bus::Bus;
use hubbub_identity::{BindError, Identity, Ports, Server};
use hubbub_runtime::{grpc::Transport, lifecycle::Lifecycle};

use super::{Process, probe::Hold};
use crate::{announce, failure::Failure};

impl Process {
    pub(super) async fn start_identity(&self) -> Result<(), Failure> {
        let config = self.settings.identity();
        let room = Transport::connect(&self.settings.to_room()).await.map_err(Failure::config)?;
        let clock = Arc::clone(&self.clock);
        let server = Server::bind(&config, self.bus()?, room, clock, &self.lifecycle)
            .await
            .map_err(bind_failure)?;
        self.probe_identity(server.identity());
        announce::listening(self.role, "grpc", server.local_addr());
        Ok(())
    }

    /// The service in this process, draining in `stage`.
    pub(super) async fn local_identity(
        &self,
        bus: Arc<dyn Bus>,
        room: Transport,
        stage: &Lifecycle,
    ) -> Result<Identity, Failure> {
        let config = self.settings.identity();
        let store = hubbub_identity::store::open(&config)
            .await
            .context("the store of the identity service")?;
        let ports = Ports { store, bus, room, clock: Arc::clone(&self.clock) };
        let identity = Identity::start(&config, ports, stage).await.map_err(bind_failure)?;
        self.probe_identity(&identity);
        Ok(identity)
    }

    fn probe_identity(&self, identity: &Identity) {
        let identity = identity.clone();
        self.probe("identity store", Hold::Follow, move || {
            let identity = identity.clone();
            async move { identity.ping().await }
        });
    }
}

fn bind_failure(error: BindError) -> Failure {
    match error {
        BindError::Config(text) => Failure::config(format_args!("identity: {text}")),
        error => Failure::Other(anyhow::Error::from(error).context("the identity service")),
    }
}
