//! A private Redis Cluster of three masters, without replicas.

use std::{ops::RangeInclusive, time::Duration};

use anyhow::{Context, Result, ensure};

use crate::{ClientKind, Redis, eventually, free_port};

const NODES: [RangeInclusive<u16>; 3] = [0..=5_460, 5_461..=10_922, 10_923..=16_383];
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A running cluster; node `n` starts with the n-th third of the 16,384 slots.
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    pub async fn start() -> Result<Self> {
        let mut nodes = Vec::new();
        let mut bus_ports = Vec::new();
        for slots in NODES {
            let (node, bus_port) = start_node().await?;
            let mut connection = node.connection().await?;
            redis::cmd("CLUSTER")
                .arg("ADDSLOTSRANGE")
                .arg(*slots.start())
                .arg(*slots.end())
                .exec_async(&mut connection)
                .await?;
            nodes.push(node);
            bus_ports.push(bus_port);
        }
        let mut first = nodes[0].connection().await?;
        for (node, bus_port) in nodes.iter().zip(bus_ports).skip(1) {
            let mut meet = redis::cmd("CLUSTER");
            meet.arg("MEET").arg("127.0.0.1").arg(node.port()).arg(bus_port);
            meet.exec_async(&mut first).await?;
        }
        let cluster = Self { nodes };
        cluster.wait_whole().await;
        Ok(cluster)
    }

    /// One node's address; a client learns of the others from it.
    pub fn url(&self) -> String {
        self.nodes[0].url()
    }

    /// The addresses of all nodes.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }

    /// The nodes, to look into or break one.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// Kills all nodes at once and starts them again, empty, as the same cluster.
    pub async fn restart_empty(&self) -> Result<()> {
        for node in &self.nodes {
            node.stop().await;
        }
        self.start_again().await
    }

    /// Starts the nodes that were stopped, empty, and waits for the cluster to be whole.
    pub async fn start_again(&self) -> Result<()> {
        for node in self.nodes.iter().filter(|node| node.pid().is_none()) {
            node.start_again().await?;
        }
        self.wait_whole().await;
        Ok(())
    }

    /// Stops all nodes for a while.
    pub async fn pause(&self, duration: Duration) {
        futures::future::join_all(self.nodes.iter().map(|node| node.pause(duration))).await;
    }

    /// Cuts the connections of a kind on every node; returns how many there were.
    pub async fn kill_clients(&self, kind: ClientKind) -> Result<u64> {
        let mut killed = 0;
        for node in &self.nodes {
            killed += node.kill_clients(kind).await?;
        }
        Ok(killed)
    }

    /// The sharded channels that somebody is subscribed to on any node.
    pub async fn shard_channels(&self) -> Result<Vec<String>> {
        let mut channels = Vec::new();
        for node in &self.nodes {
            channels.extend(node.shard_channels().await?);
        }
        Ok(channels)
    }

    /// Gives a slot to another node, as a resharding does. Redis then tells the subscribers of the
    /// slot's sharded channels that they are no longer subscribed.
    pub async fn move_slot(&self, slot: u16, to: usize) -> Result<()> {
        self.move_slots(slot..=slot, to).await
    }

    /// Gives slots to another node that owns none of them, on all nodes.
    pub async fn move_slots(&self, slots: RangeInclusive<u16>, to: usize) -> Result<()> {
        ensure!(to < self.nodes.len(), "there is no node {to}");
        let target = &self.nodes[to];
        let (from, to) = (self.id((to + 1) % self.nodes.len()).await?, self.id(to).await?);
        // Importing first, because a node that imported a slot raises its epoch when it gets it: or
        // heartbeats that are under way would undo the change. From whom does not matter to it.
        set_slots(target, slots.clone(), &["IMPORTING", &from]).await?;
        set_slots(target, slots.clone(), &["NODE", &to]).await?;
        for node in &self.nodes {
            // One that has lost its last slot is no master any more and refuses: it knows already.
            let _ = set_slots(node, slots.clone(), &["NODE", &to]).await;
        }
        Ok(())
    }

    /// Makes all other nodes forget a node that has no slots any more.
    pub async fn forget_node(&self, node: usize) -> Result<()> {
        let id = self.id(node).await?;
        for (other, redis) in self.nodes.iter().enumerate().filter(|(other, _)| *other != node) {
            let mut connection = redis.connection().await?;
            let mut forget = redis::cmd("CLUSTER");
            let forgotten = forget.arg("FORGET").arg(&id).exec_async(&mut connection).await;
            forgotten.with_context(|| format!("node {other} cannot forget node {node}"))?;
        }
        Ok(())
    }

    async fn id(&self, node: usize) -> Result<String> {
        let mut connection = self.nodes[node].connection().await?;
        Ok(redis::cmd("CLUSTER").arg("MYID").query_async(&mut connection).await?)
    }

    /// Every node sees every slot served by all three.
    async fn wait_whole(&self) {
        eventually(READY_WITHIN, || async {
            for node in &self.nodes {
                if !sees_whole(node).await.unwrap_or(false) {
                    return false;
                }
            }
            true
        })
        .await;
    }
}

async fn set_slots(node: &Redis, slots: RangeInclusive<u16>, how: &[&str]) -> Result<()> {
    let mut connection = node.connection().await?;
    let mut pipeline = redis::pipe();
    for slot in slots {
        pipeline.cmd("CLUSTER").arg("SETSLOT").arg(slot).arg(how);
    }
    Ok(pipeline.exec_async(&mut connection).await?)
}

async fn sees_whole(node: &Redis) -> Result<bool> {
    let mut connection = node.connection().await?;
    let info: String = redis::cmd("CLUSTER").arg("INFO").query_async(&mut connection).await?;
    let wanted = ["cluster_state:ok", "cluster_slots_ok:16384", "cluster_known_nodes:3"];
    Ok(wanted.iter().all(|line| info.contains(line)))
}

async fn start_node() -> Result<(Redis, u16)> {
    let try_once = async || {
        let bus_port = free_port();
        let settings = [
            ("--cluster-enabled", "yes".to_owned()),
            ("--cluster-port", bus_port.to_string()),
            ("--cluster-node-timeout", "2000".to_owned()),
            ("--cluster-require-full-coverage", "no".to_owned()),
        ];
        let arguments = settings.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
        Redis::start_on(free_port(), arguments.collect(), None).await.map(|node| (node, bus_port))
    };
    match try_once().await {
        Ok(node) => Ok(node),
        Err(_) => try_once().await,
    }
}
