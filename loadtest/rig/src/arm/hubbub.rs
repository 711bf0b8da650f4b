//! hubbub as an operator runs it: processes of their own for each role, Postgres with `fsync` on, Redis. Its
//! two doors are arms of their own, each with servers of its own.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use hubbub_client_protocol::{Command, CreateRoom, Created};
use hubbub_domain::{RoomKind, UserId};
use hubbub_testkit::{Client, Cluster, ClusterOptions, token};

use super::{Arm, ArmKind};
use crate::wire::{Wire, chat::Chat, native::Native};

pub(crate) struct Hubbub {
    pub(crate) cluster: Cluster,
    /// Through which door its clients come.
    kind: ArmKind,
}

impl Hubbub {
    /// For clients of the native door.
    pub(crate) async fn start(options: ClusterOptions) -> Result<Self> {
        Self::start_at(ArmKind::Hubbub, options).await
    }

    /// For clients of the door that the kind names.
    pub(crate) async fn start_at(kind: ArmKind, options: ClusterOptions) -> Result<Self> {
        Ok(Self { cluster: Cluster::start(options).await?, kind })
    }
}

#[async_trait]
impl Arm for Hubbub {
    fn kind(&self) -> ArmKind {
        self.kind
    }

    fn wire(&self) -> Arc<dyn Wire> {
        match self.kind {
            ArmKind::HubbubSocketIo => Arc::new(Chat),
            _ => Arc::new(Native),
        }
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        let address = |node: &hubbub_testkit::Node| node.address().parse().expect("testkit's own");
        self.cluster.gateways.iter().map(address).collect()
    }

    fn server(&self) -> Vec<u32> {
        self.cluster.nodes().filter_map(hubbub_testkit::Node::pid).collect()
    }

    fn stores(&self) -> Vec<(&'static str, u32)> {
        let postgres = self.cluster.postgres.pid().map(|pid| ("Postgres", pid));
        let redis = self.cluster.redis.pid().map(|pid| ("Redis", pid));
        postgres.into_iter().chain(redis).collect()
    }

    async fn make_room(&self, name: &str, users: &[String]) -> Result<String> {
        let [founder, members @ ..] = users else { anyhow::bail!("a room has a founder") };
        let founder = Client::start(founder, token(founder), self.cluster.urls());
        let members: Result<_, _> = members.iter().map(|user| UserId::parse(user)).collect();
        let create = CreateRoom {
            kind: RoomKind::Group,
            name: name.to_owned(),
            topic: String::new(),
            members: members.context("a user id")?,
            request_id: None,
        };
        match founder.call::<Created>(Command::CreateRoom(create)).await {
            Ok(created) => Ok(created.room.room.to_string()),
            Err(refused) => anyhow::bail!("no room {name}: {}", refused.message),
        }
    }
}
