//! History and room services on private stores: what the scenarios that measure the stores speak to
//! over gRPC, as a gateway would.
//!
//! Postgres forces every commit to the disk. What we are compared with runs on the same server, in
//! a database of its own.

pub(crate) mod append;
pub(crate) mod one_per_transaction;
pub(crate) mod seed;
pub(crate) mod verify;

use anyhow::{Context as _, Result};
use hubbub_domain::RoomId;
use hubbub_proto::{
    GRPC_MESSAGE_BYTES_MAX, history::v1::history_service_client::HistoryServiceClient,
    room::v1::room_service_client::RoomServiceClient,
};
use hubbub_testkit::{Cluster, Node};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use crate::{bench::Bench, proc::Cpu};

/// Connections of the rig itself, for seeding and for looking into the tables.
const CONNECTIONS_MAX: u32 = 4;

/// The running services.
pub(crate) struct Stores {
    pub(crate) cluster: Cluster,
    /// The services' own database.
    pub(crate) pool: PgPool,
}

/// Which services run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Roles {
    History,
    /// As good as idle while nobody asks them anything.
    RoomAndHistory,
    /// With a gateway.
    All,
}

impl Stores {
    pub(crate) async fn start(bench: &Bench, roles: Roles) -> Result<Self> {
        // Without a token, any client in this process may call.
        let mut options = bench.cluster().with("HUBBUB_GRPC__TOKEN", "");
        if roles == Roles::RoomAndHistory {
            // What they do by themselves is kept out of the count of what they do when asked.
            for interval in
                ["ADMIN__PROBE_INTERVAL", "HISTORY__SWEEP__INTERVAL", "ROOM__SWEEP_INTERVAL"]
            {
                options = options.with(&format!("HUBBUB_{interval}"), "10s");
            }
        }
        options.gateways = usize::from(roles == Roles::All);
        options.rooms = usize::from(roles != Roles::History);
        let cluster = Cluster::start(options).await?;
        let pool = connect(cluster.database(), CONNECTIONS_MAX).await?;
        Ok(Self { cluster, pool })
    }

    /// A database of its own on the same server.
    pub(crate) async fn another_database(&self) -> Result<String> {
        self.cluster.postgres.database().await
    }

    pub(crate) fn history(&self) -> Result<HistoryServiceClient<Channel>> {
        let client = HistoryServiceClient::new(channel(&self.cluster.histories)?);
        Ok(client
            .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
            .max_encoding_message_size(GRPC_MESSAGE_BYTES_MAX))
    }

    pub(crate) fn room(&self) -> Result<RoomServiceClient<Channel>> {
        let client = RoomServiceClient::new(channel(&self.cluster.rooms)?);
        Ok(client.max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX))
    }

    /// What the services themselves have used so far.
    pub(crate) fn services(&self) -> Result<Cpu> {
        let pids: Vec<u32> = self.cluster.nodes().filter_map(Node::pid).collect();
        Cpu::read(&pids)
    }

    /// What Postgres has used so far, its backends included.
    pub(crate) fn postgres(&self) -> Result<Cpu> {
        Cpu::read_trees(&[self.cluster.postgres.pid().context("Postgres does not run")?])
    }

    /// What Redis has used so far.
    pub(crate) fn redis(&self) -> Result<Cpu> {
        Cpu::read(&[self.cluster.redis.pid().context("Redis does not run")?])
    }
}

/// A pool whose connections are all there already.
pub(crate) async fn connect(url: &str, connections: u32) -> Result<PgPool> {
    let options = PgPoolOptions::new().min_connections(connections).max_connections(connections);
    let pool = options.test_before_acquire(false).connect(url).await?;
    Ok(pool)
}

/// New rooms.
pub(crate) fn rooms(count: usize) -> Vec<RoomId> {
    (0..count).map(|_| RoomId::generate()).collect()
}

/// Their ids as Postgres takes them.
pub(crate) fn uuids(rooms: &[RoomId]) -> Vec<Uuid> {
    rooms.iter().map(RoomId::as_uuid).collect()
}

fn channel(nodes: &[Node]) -> Result<Channel> {
    let node = nodes.first().context("the service does not run")?;
    Ok(Endpoint::from_shared(format!("http://{}", node.address()))?
        .tcp_nodelay(true)
        .connect_lazy())
}
