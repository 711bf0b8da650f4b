//! Instances of the service on one database, each behind a socket of its own.

use std::{fmt::Debug, net::SocketAddr, sync::Arc, time::Duration};

use hubbub_domain::{Code, RoomId};
use hubbub_proto::{
    fault_from_status,
    history::v1::history_service_server::HistoryServiceServer,
    room::v1::{
        CreateRoomRequest, JoinRequest, LeaveRequest, Room, RoomKind,
        room_service_client::RoomServiceClient,
    },
};
use hubbub_room::{Config, Peers, PostgresConfig, Server};
use hubbub_runtime::{
    config::Secret,
    grpc::{Channel, GrpcClientConfig, Transport},
    lifecycle::Lifecycle,
};
use hubbub_testkit::Postgres;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tonic::{Status, service::Routes};

use crate::{bus::Recorder, clock::FastClock, history::Notebook};

pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) type Client = RoomServiceClient<Channel>;

static POSTGRES: OnceCell<Postgres> = OnceCell::const_new();

/// Running instances and what they talk to. Drained on drop.
pub(crate) struct Cluster {
    pub(crate) clients: Vec<Client>,
    pub(crate) history: Notebook,
    pub(crate) bus: Arc<Recorder>,
    pub(crate) clock: Arc<FastClock>,
    _scratch: Option<TempDir>,
    lifecycle: Lifecycle,
}

/// A database, how many instances work on it, and the folder it lives in.
struct Ground {
    url: String,
    instances: usize,
    scratch: Option<TempDir>,
}

impl Cluster {
    /// Two instances on an empty database, patient: other tests use the machine too.
    pub(crate) async fn start() -> Self {
        let server = POSTGRES.get_or_init(async || Postgres::start().await.expect("Postgres"));
        let url = server.await.database().await.expect("a database");
        Self::on(url, (SOON, SOON)).await
    }

    /// One instance on an empty SQLite file.
    pub(crate) async fn start_small() -> Self {
        let scratch = TempDir::new().expect("a folder");
        let url = format!("sqlite:{}", scratch.path().join("room.db").display());
        let ground = Ground { url, instances: 1, scratch: Some(scratch) };
        Self::of(ground, (SOON, SOON)).await
    }

    /// Two instances on a database; how long they wait for a connection, and a call may take.
    pub(crate) async fn on(url: String, times: (Duration, Duration)) -> Self {
        Self::of(Ground { url, instances: 2, scratch: None }, times).await
    }

    async fn of(ground: Ground, (acquire_timeout, call_timeout): (Duration, Duration)) -> Self {
        let history = Notebook::default();
        let bus = Arc::new(Recorder::default());
        let clock = Arc::new(FastClock::default());
        let lifecycle = Lifecycle::new(Duration::from_secs(5));
        let config = Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            database: Secret::new(ground.url),
            call_timeout,
            sweep_interval: Duration::from_millis(100),
            postgres: PostgresConfig { acquire_timeout, ..PostgresConfig::default() },
            ..Config::default()
        };
        let mut clients = Vec::new();
        for _ in 0..ground.instances {
            let routes = Routes::new(HistoryServiceServer::new(history.clone()));
            let server = Server::bind(
                &config,
                bus.clone(),
                Peers { history: Transport::local(routes), identity: None },
                clock.clone(),
                &lifecycle,
            );
            let server = server.await.expect("the service starts");
            clients.push(client(server.local_addr()).await);
        }
        Self { clients, history, bus, clock, _scratch: ground.scratch, lifecycle }
    }

    /// A client of the first instance.
    pub(crate) fn client(&self) -> Client {
        self.clients[0].clone()
    }

    pub(crate) async fn make(&self, kind: RoomKind, owner: &str, members: &[&str]) -> Room {
        let request = CreateRoomRequest {
            actor_id: owner.to_owned(),
            kind: kind.into(),
            name: "room".to_owned(),
            member_ids: members.iter().map(ToString::to_string).collect(),
            ..CreateRoomRequest::default()
        };
        let response = self.client().create_room(request).await.expect("made");
        response.into_inner().room.expect("a room")
    }

    pub(crate) async fn join(&self, actor: &str, room: &Room) -> Result<(), Status> {
        let request = JoinRequest { actor_id: actor.to_owned(), room_id: room.room_id.clone() };
        self.client().join(request).await.map(drop)
    }

    pub(crate) async fn leave(&self, actor: &str, room: &Room) -> Result<(), Status> {
        let request = LeaveRequest {
            actor_id: actor.to_owned(),
            room_id: room.room_id.clone(),
            for_good: None,
        };
        self.client().leave(request).await.map(drop)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.lifecycle.abort.cancel();
        self.lifecycle.drain_all();
    }
}

async fn client(address: SocketAddr) -> Client {
    let config = GrpcClientConfig {
        address: address.to_string(),
        call_timeout: Duration::from_secs(30),
        ..GrpcClientConfig::default()
    };
    RoomServiceClient::new(Transport::connect(&config).await.expect("an address").any())
}

/// An id that no room has.
pub(crate) fn nowhere() -> String {
    RoomId::generate().to_string()
}

/// The documented code of a refusal.
#[track_caller]
pub(crate) fn refusal<T: Debug>(result: Result<T, Status>) -> Code {
    let status = result.expect_err("refused");
    let fault = fault_from_status(&status);
    assert!(!fault.message.is_empty());
    fault.code
}
