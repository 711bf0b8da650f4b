//! A gateway that is asked to stop lets its clients move, and nothing is lost.

use std::time::Duration;

use hubbub_testkit::{Balancer, Cluster, ClusterOptions, RolloutTimings, Turn};

use crate::workload::{Workload, unlimited};

#[tokio::test(flavor = "multi_thread")]
async fn gateways_are_restarted_one_after_the_other_under_load() {
    let mut cluster = Cluster::start(unlimited()).await.expect("a cluster");
    let workload = Workload::start(&cluster, 50, 10).await;
    let rolling = async {
        for gateway in &mut cluster.gateways {
            // Not waited for: the load should be under way on both.
            tokio::time::sleep(Duration::from_secs(1)).await;
            gateway.stop().await;
            gateway.start_again().await.expect("it starts again");
        }
    };
    tokio::join!(workload.talk(200, Duration::from_millis(50)), rolling);
    let outcome = workload.judge().await;
    assert_eq!(outcome.acked, 50 * 200);
}

/// As `cargo xtask rolling-restart` does it, with shorter times.
#[tokio::test(flavor = "multi_thread")]
async fn three_gateways_are_replaced_and_nobody_comes_back_twice() {
    let timings = RolloutTimings {
        ready_for: Duration::from_secs(1),
        endpoints_lag: Duration::from_millis(200),
        pre_stop: Duration::from_secs(4),
        grace: Duration::from_secs(30),
    };
    let options = ClusterOptions { gateways: 3, spares: 3, ..unlimited() };
    let mut cluster = Cluster::start(options).await.expect("a cluster");
    let balancer = Balancer::start(Turn::RoundRobin).await.expect("a balancer");
    cluster.gateways.iter().for_each(|gateway| balancer.admit(gateway.address()));
    let url = format!("ws://{}", balancer.address());
    let workload = Workload::start_at(&[url], 60, 6).await;
    let rolling = async {
        // Not waited for: the load should be under way.
        tokio::time::sleep(Duration::from_secs(2)).await;
        cluster.roll_gateways(&balancer, timings).await.expect("the rollout");
    };
    tokio::join!(rolling, workload.talk(20, Duration::from_secs(1)));
    let outcome = workload.judge().await;
    assert_eq!(outcome.acked, 60 * 20);
    assert_eq!((outcome.reconnects(), outcome.most_connections), (60, 2));
}
