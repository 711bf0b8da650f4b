//! Which Redis nodes there are, which slots each one owns, and how to connect to one.

use std::{
    fs,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt, future::select_ok};
use parking_lot::RwLock;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    ProtocolVersion, RedisError, TlsCertificates, Value,
    aio::{AsyncPushSender, MultiplexedConnection},
};

use super::{channel::Slot, unavailable};
use crate::{BusError, Config};

/// A node's address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Node {
    host: String,
    port: u16,
}

/// Which node owns which slots.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Topology {
    Single(Node),
    Cluster(Vec<(RangeInclusive<Slot>, Node)>),
}

impl Topology {
    pub(super) fn owner(&self, slot: Slot) -> Option<&Node> {
        match self {
            Self::Single(node) => Some(node),
            Self::Cluster(ranges) => {
                ranges.iter().find(|(slots, _)| slots.contains(&slot)).map(|(_, node)| node)
            }
        }
    }

    /// Every node once.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let mut nodes = match self {
            Self::Single(node) => vec![node.clone()],
            Self::Cluster(ranges) => ranges.iter().map(|(_, node)| node.clone()).collect(),
        };
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}

/// The way to all nodes, from the configured addresses on.
pub(super) struct Nodes {
    /// The first configured address, with the credentials and the TLS settings for all.
    model: ConnectionInfo,
    seeds: Vec<Node>,
    connect_timeout: Duration,
    command_timeout: Duration,
    topology: RwLock<Option<Arc<Topology>>>,
    doubted: AtomicBool,
}

impl Nodes {
    pub(super) fn new(config: &Config) -> Result<Self, BusError> {
        let infos = config.urls.iter().map(|url| parse(url)).collect::<Result<Vec<_>, _>>()?;
        let seeds = infos.iter().map(|info| node(info.addr())).collect::<Result<Vec<_>, _>>()?;
        let model = infos.into_iter().next().expect("the configuration was validated");
        let settings = model.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Ok(Self {
            model: with_ca(config, model)?.set_redis_settings(settings),
            seeds,
            connect_timeout: config.connect_timeout(),
            command_timeout: config.command_timeout(),
            topology: RwLock::new(None),
            doubted: AtomicBool::new(false),
        })
    }

    /// Who owns what, as last heard, unless something has cast doubt on it since.
    pub(super) async fn topology(&self) -> Result<Arc<Topology>, BusError> {
        let known = self.topology.read().clone();
        match known {
            Some(topology) if !self.doubted.load(Ordering::Acquire) => Ok(topology),
            _ => self.ask_topology().await,
        }
    }

    /// Who owns what, by the first of the configured and the known nodes that answers.
    pub(super) async fn ask_topology(&self) -> Result<Arc<Topology>, BusError> {
        let known = self.topology.read().clone();
        let mut nodes = self.seeds.clone();
        nodes.extend(known.iter().flat_map(|topology| topology.nodes()));
        nodes.sort_unstable();
        nodes.dedup();
        let answer = match known.as_deref() {
            // One server may have several addresses here: stay with the one in use.
            Some(Topology::Single(node)) => self.ask(node).await.ok(),
            _ => None,
        };
        let topology = if let Some(topology) = answer {
            topology
        } else {
            let asked = nodes.iter().map(|node| self.ask(node).boxed());
            select_ok(asked).await.map_err(|error| unavailable(&error))?.0
        };
        self.doubted.store(false, Ordering::Release);
        let topology = Arc::new(topology);
        *self.topology.write() = Some(Arc::clone(&topology));
        Ok(topology)
    }

    /// The next [`Self::topology`] asks again.
    pub(super) fn doubt_topology(&self) {
        self.doubted.store(true, Ordering::Release);
    }

    async fn ask(&self, node: &Node) -> Result<Topology, RedisError> {
        let mut connection = self.connect(node, |_| Ok::<(), ()>(())).await?;
        match redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await {
            Ok(slots) => Ok(Topology::Cluster(read_slots(&slots, node))),
            Err(error) if is_standalone(&error) => Ok(Topology::Single(node.clone())),
            Err(error) => Err(error),
        }
    }

    /// A new connection; `pushes` gets what the server sends unasked, and learns of its end.
    pub(super) async fn connect(
        &self,
        node: &Node,
        pushes: impl AsyncPushSender,
    ) -> Result<MultiplexedConnection, RedisError> {
        let addr = match self.model.addr().clone() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                let (host, port) = (node.host.clone(), node.port);
                ConnectionAddr::TcpTls { host, port, insecure, tls_params }
            }
            _ => ConnectionAddr::Tcp(node.host.clone(), node.port),
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.command_timeout))
            .set_push_sender(pushes);
        let client = Client::open(self.model.clone().set_addr(addr))?;
        client.get_multiplexed_async_connection_with_config(&config).await
    }
}

fn parse(url: &str) -> Result<ConnectionInfo, BusError> {
    // The library's error may quote the address with its password.
    url.into_connection_info().map_err(|_| BusError::Config("an address is not redis://…".into()))
}

fn with_ca(config: &Config, model: ConnectionInfo) -> Result<ConnectionInfo, BusError> {
    let Some(file) = &config.ca_file else { return Ok(model) };
    let problem = |what: &dyn std::fmt::Display| {
        BusError::Config(format!("ca_file {}: {what}", file.display()))
    };
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert: Some(fs::read(file).map_err(|e| problem(&e))?),
    };
    let client = Client::build_with_tls(model, certificates).map_err(|e| problem(&e.category()))?;
    Ok(client.get_connection_info().clone())
}

fn node(addr: &ConnectionAddr) -> Result<Node, BusError> {
    match addr {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Ok(Node { host: host.clone(), port: *port })
        }
        _ => Err(BusError::Config("an address is neither redis://… nor rediss://…".to_owned())),
    }
}

fn is_standalone(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| detail.contains("cluster support disabled"))
}

/// Reads the answer to CLUSTER SLOTS: arrays of first slot, last slot, primary, replicas. A node
/// that does not know its own name leaves it empty (or `?`): then it is the name we asked under.
fn read_slots(slots: &Value, asked: &Node) -> Vec<(RangeInclusive<Slot>, Node)> {
    let range = |entry: &Value| {
        let [first, last, primary, ..] = entry.as_sequence()? else { return None };
        let [host, port, ..] = primary.as_sequence()? else { return None };
        let host: Option<String> = redis::from_redis_value_ref(host).ok()?;
        let host = host.filter(|host| !host.is_empty() && host != "?");
        let node = Node {
            host: host.unwrap_or_else(|| asked.host.clone()),
            port: redis::from_redis_value_ref(port).ok()?,
        };
        let first: Slot = redis::from_redis_value_ref(first).ok()?;
        Some((first..=redis::from_redis_value_ref(last).ok()?, node))
    };
    slots.as_sequence().into_iter().flatten().filter_map(range).collect()
}
