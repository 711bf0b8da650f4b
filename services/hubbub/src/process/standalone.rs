//! Every role in one process. The roles call each other through the same clients as in a cluster, set
//! directly upon the servers; there is no second code path.

use std::sync::Arc;

use hubbub_gateway::{Dependencies, Grants};
use hubbub_room::Peers;
use hubbub_runtime::grpc::Transport;

use super::Process;
use crate::{announce, failure::Failure};

impl Process {
    pub(super) async fn start_standalone(&self) -> Result<(), Failure> {
        let settings = self.settings.clone().with_dev_secret()?;
        let bus = self.bus()?;

        // Behind the gateway the identity service, behind it room, behind it history: each is there for
        // the last calls of the one before. A stage stands directly behind the one it is made from.
        let history_stage = self.lifecycle.behind();
        let room_stage = self.lifecycle.behind();
        let history = self.local_history(Arc::clone(&bus), &history_stage).await?;
        let beside = history.services_until(self.lifecycle.drain.clone());
        let history = Transport::local(history.services().into());
        // Room and identity call each other.
        let (identity_way, awaited) = Transport::awaited();
        let peers = Peers { history: history.clone(), identity: Some(identity_way) };
        let rooms = self.local_rooms(Arc::clone(&bus), peers, &room_stage).await?;
        let beside = beside.and(rooms.services());
        let room = Transport::local(rooms.services().into());
        let identity_stage = self.lifecycle.behind();
        let identity = self.local_identity(Arc::clone(&bus), room.clone(), &identity_stage).await?;
        let beside = beside.and(identity.services());
        awaited.arrive(identity.services().into());
        let identity = Grants::new(Transport::local(identity.services().into()));
        let dependencies = Dependencies {
            bus,
            ephemeral: self.ephemeral()?,
            room,
            history,
            verifier: self.verifier(&settings, Some(&identity))?,
            identity: Some(identity),
            clock: Arc::clone(&self.clock),
            standalone: Some(beside),
        };
        let client = self.serve_clients(dependencies).await?;
        announce::welcome(client, self.stores());
        Ok(())
    }

    fn stores(&self) -> &'static str {
        let redis = !self.settings.bus().urls.is_empty();
        match (self.settings.database.url.is_set(), redis) {
            (false, false) => "SQLite files and nothing else",
            (true, false) => "a database and no Redis",
            (false, true) => "SQLite files and Redis",
            (true, true) => "a database and Redis",
        }
    }
}
