//! The suites on a Redis Cluster of three nodes, and what only a Cluster shows.

use std::{sync::Arc, time::Duration};

use hubbub_bus::{Bus, Config};
use hubbub_testkit::{ClientKind, Redis, RedisCluster};
use tokio::sync::OnceCell;

use crate::{
    faults::{Server, connect},
    listener::{Listener, publish_on_each, topics},
};

async fn bus() -> Arc<dyn Bus> {
    static CLUSTER: OnceCell<RedisCluster> = OnceCell::const_new();
    let start = async || RedisCluster::start().await.expect("the cluster starts");
    let cluster = CLUSTER.get_or_init(start).await;
    hubbub_bus::connect(&Config::new([cluster.url()])).expect("a good configuration")
}

crate::conformance::suite!(bus);
crate::faults::suite!(RedisCluster);

impl Server for RedisCluster {
    async fn start() -> Self {
        Self::start().await.expect("the cluster starts")
    }

    fn urls(&self) -> Vec<String> {
        self.urls()
    }

    async fn stop(&self) {
        futures::future::join_all(self.nodes().iter().map(Redis::stop)).await;
    }

    async fn start_again(&self) {
        self.start_again().await.expect("the cluster starts");
    }

    async fn pause(&self, duration: Duration) {
        self.pause(duration).await;
    }

    async fn kill_clients(&self, kind: ClientKind) -> u64 {
        self.kill_clients(kind).await.expect("all nodes answer")
    }

    async fn shard_channels(&self) -> Vec<String> {
        self.shard_channels().await.expect("all nodes answer")
    }
}

#[tokio::test]
async fn a_slot_that_moves_is_followed_by_publishers_and_subscribers() {
    let cluster = RedisCluster::start().await.unwrap();
    let bus = connect(&cluster);
    let topics = topics(1_000);
    let mut listener = Listener::start(&*bus, &topics).await;
    publish_on_each(&*bus, &topics, 1).await;
    listener.read_until(&topics, 1).await;
    // The slot of some of the topics: the hash of what is in the braces.
    let mut node = cluster.nodes()[0].connection().await.unwrap();
    let channel = cluster.nodes()[0].shard_channels().await.unwrap().remove(0);
    let mut keyslot = redis::cmd("CLUSTER");
    let slot = keyslot.arg("KEYSLOT").arg(channel).query_async(&mut node).await.unwrap();
    cluster.move_slot(slot, 2).await.unwrap();
    listener.read_over_an_interruption().await;
    listener.hear_all(&*bus, &topics, 2).await;
    assert_eq!(cluster.shard_channels().await.unwrap().len(), topics.len());
}

#[tokio::test]
async fn one_node_that_restarts_interrupts_and_is_resubscribed() {
    let cluster = RedisCluster::start().await.unwrap();
    let bus = connect(&cluster);
    let topics = topics(1_000);
    let mut listener = Listener::start(&*bus, &topics).await;
    cluster.nodes()[1].restart_empty().await.unwrap();
    listener.read_over_an_interruption().await;
    listener.hear_all(&*bus, &topics, 1).await;
}

#[tokio::test]
async fn the_cluster_is_found_through_any_node_even_after_the_configured_one_is_gone() {
    let cluster = RedisCluster::start().await.unwrap();
    let bus = hubbub_bus::connect(&Config::new([cluster.url()])).unwrap();
    let topics = topics(300);
    let mut listener = Listener::start(&*bus, &topics).await;
    // Everything goes to the second node, then the configured one goes away for good.
    cluster.move_slots(0..=5_460, 1).await.unwrap();
    cluster.forget_node(0).await.unwrap();
    cluster.nodes()[0].stop().await;
    listener.read_over_an_interruption().await;
    listener.hear_all(&*bus, &topics, 1).await;
}
