//! The servers that are measured, behind one face: started privately, spoken to in their own
//! [`Wire`], their processes known so that their cost can be read.
//!
//! Every arm does the same work: the same bytes in a message, one commit that is forced to the disk
//! before the ack, no compression. What an arm leaves out is said where it is defined (the
//! `floor` stores nothing and knows no users).

mod floor;
mod hubbub;
mod socketio;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Result;
use async_trait::async_trait;

use self::floor::Floor;
pub(crate) use self::{hubbub::Hubbub, socketio::SocketIo};
use crate::{bench::Bench, wire::Wire};

/// A running server with its stores; everything ends when it is dropped.
#[async_trait]
pub(crate) trait Arm: Send + Sync {
    fn kind(&self) -> ArmKind;

    fn wire(&self) -> Arc<dyn Wire>;

    /// Where clients connect, one address for each gateway.
    fn addresses(&self) -> Vec<SocketAddr>;

    /// The server's own processes: what is weighed against the other arms.
    fn server(&self) -> Vec<u32>;

    /// The stores beneath it by name, which are printed apart. Of Postgres the first process; its
    /// backends are found as its children.
    fn stores(&self) -> Vec<(&'static str, u32)>;

    /// Makes a room of these users, none of whom is connected yet; what the wire calls it.
    async fn make_room(&self, name: &str, users: &[String]) -> Result<String>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArmKind {
    /// Its clients come through the native door.
    Hubbub,
    /// The same servers, whose clients come through the Socket.IO door.
    HubbubSocketIo,
    SocketIoNode,
    SocketIoxide,
    /// A bare `write()` for every member: no server can be cheaper with one message at a time.
    Floor,
}

impl ArmKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hubbub => "hubbub",
            Self::HubbubSocketIo => "hubbub-socketio",
            Self::SocketIoNode => "socketio-node",
            Self::SocketIoxide => "socketioxide",
            Self::Floor => "floor",
        }
    }

    /// Those that can be started here.
    pub(crate) fn available(bench: &Bench) -> Vec<Self> {
        let mut kinds = Self::chats(bench);
        kinds.push(Self::Floor);
        kinds
    }

    /// Those of them that know users and keep what they say.
    pub(crate) fn chats(bench: &Bench) -> Vec<Self> {
        let node = bench.peers.socketio_node.as_ref().map(|_| Self::SocketIoNode);
        let oxide = bench.peers.socketioxide.as_ref().map(|_| Self::SocketIoxide);
        let ours = [Self::Hubbub, Self::HubbubSocketIo];
        ours.into_iter().chain(node).chain(oxide).collect()
    }

    pub(crate) async fn start(self, bench: &Bench) -> Result<Box<dyn Arm>> {
        Ok(match self {
            Self::Hubbub | Self::HubbubSocketIo => {
                Box::new(Hubbub::start_at(self, bench.cluster()).await?)
            }
            Self::SocketIoNode | Self::SocketIoxide => {
                Box::new(SocketIo::start(self, &bench.peers, 1, &[]).await?)
            }
            Self::Floor => Box::new(Floor::start().await?),
        })
    }
}
