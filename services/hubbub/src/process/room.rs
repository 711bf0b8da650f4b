//! The room service: in a process of its own, or within one.

use std::sync::Arc;

use anyhow::Context as _;
use hubbub_bus::Bus;
use hubbub_room::{BindError, Peers, Ports, Rooms, Server};
use hubbub_runtime::{grpc::Transport, lifecycle::Lifecycle};

use super::{Process, probe::Hold};
use crate::{announce, failure::Failure};

impl Process {
    pub(super) async fn start_room(&self) -> Result<(), Failure> {
        let config = self.settings.room();
        let history =
            Transport::connect(&self.settings.to_history()).await.map_err(Failure::config)?;
        // Not waited for: the identity service waits for this one, and is asked only when somebody is added.
        let identity = match self.settings.to_identity() {
            Some(identity) => Some(Transport::connect(&identity).await.map_err(Failure::config)?),
            None => None,
        };
        let peers = Peers { history, identity };
        let clock = Arc::clone(&self.clock);
        let server = Server::bind(&config, self.bus()?, peers, clock, &self.lifecycle)
            .await
            .map_err(bind_failure)?;
        self.probe_rooms(server.rooms());
        announce::listening(self.role, "grpc", server.local_addr());
        Ok(())
    }

    /// The service in this process, draining in `stage`.
    pub(super) async fn local_rooms(
        &self,
        bus: Arc<dyn Bus>,
        peers: Peers,
        stage: &Lifecycle,
    ) -> Result<Rooms, Failure> {
        let config = self.settings.room();
        let store =
            hubbub_room::store::open(&config).await.context("the store of the room service")?;
        let ports = Ports { store, bus, peers, clock: Arc::clone(&self.clock) };
        let rooms = Rooms::start(&config, ports, stage);
        self.probe_rooms(&rooms);
        Ok(rooms)
    }

    fn probe_rooms(&self, rooms: &Rooms) {
        let rooms = rooms.clone();
        self.probe("room store", Hold::Follow, move || {
            let rooms = rooms.clone();
            async move { rooms.ping().await }
        });
    }
}

fn bind_failure(error: BindError) -> Failure {
    match error {
        BindError::Config(text) => Failure::config(format_args!("room: {text}")),
        error => Failure::Other(anyhow::Error::from(error).context("the room service")),
    }
}
