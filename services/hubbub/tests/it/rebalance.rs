//! Gateways that are full ask sessions to move to one that has just started, and nobody loses anything.

use std::time::{Duration, Instant};

use hubbub_testkit::{Balancer, Cluster, ClusterOptions, Node, Turn, eventually, sample};

use crate::workload::{Workload, unlimited};

/// A hundred on each of three gateways. With a fourth the mean is 75: each has to let 14 go at least.
const CLIENTS: usize = 300;
const MOVES_MIN: usize = 42;
/// What the fourth gateway is given to fill up, with the settings a gateway has by itself.
const PATIENCE: Duration = Duration::from_mins(3);

/// How many sessions each holds.
async fn sessions(gateways: &[Node]) -> Vec<f64> {
    let mut counts = Vec::new();
    for gateway in gateways {
        counts.push(gateway.metric("hubbub_gateway_sessions").await.expect("a page of metrics"));
    }
    counts
}

#[expect(clippy::cast_precision_loss, reason = "a handful of gateways")]
async fn fullest_to_mean(gateways: &[Node]) -> f64 {
    let counts = sessions(gateways).await;
    let mean = counts.iter().sum::<f64>() / counts.len() as f64;
    counts.into_iter().fold(0.0, f64::max) / mean
}

#[expect(clippy::print_stdout, reason = "the figures of a run")]
fn print(counts: &[f64], took: Duration) {
    println!("{counts:?} sessions on four gateways {took:.1?} after the fourth began");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fourth_gateway_fills_up_and_nothing_is_lost() {
    let options = ClusterOptions { gateways: 3, spares: 1, ..unlimited() };
    let mut cluster = Cluster::start(options).await.expect("a cluster");
    let balancer = Balancer::start(Turn::FewestConnections).await.expect("a balancer");
    cluster.gateways.iter().for_each(|gateway| balancer.admit(gateway.address()));
    let urls = [format!("ws://{}", balancer.address())];
    let workload = Workload::start_at(&urls, CLIENTS, 60).await;
    let even = fullest_to_mean(&cluster.gateways).await;
    assert!(even < 1.15, "three gateways are evenly full: {even}");

    let fills_up = async {
        let mut fourth = cluster.spares.remove(0);
        fourth.start_again().await.expect("it starts");
        balancer.admit(fourth.address());
        cluster.gateways.push(fourth);
        assert!(fullest_to_mean(&cluster.gateways).await > 1.15, "there is something to do");
        let begun = Instant::now();
        eventually(PATIENCE, || async { fullest_to_mean(&cluster.gateways).await <= 1.15 }).await;
        print(&sessions(&cluster.gateways).await, begun.elapsed());
    };
    tokio::join!(fills_up, workload.talk(45, Duration::from_secs(2)));
    let outcome = workload.judge().await;
    assert_eq!(outcome.acked, CLIENTS * 45);
    let connections = usize::try_from(outcome.connections).expect("some");
    let moves = connections - CLIENTS;
    assert!(moves >= MOVES_MIN, "it filled up by moves, not by chance: {moves}");
    assert!(moves <= CLIENTS, "nobody is sent to and fro: {moves}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_gone_nobody_is_asked_to_move() {
    let options = ClusterOptions { gateways: 1, spares: 1, ..unlimited() }
        .with("HUBBUB_GATEWAY__REBALANCE__HOLD", "0s")
        .with("HUBBUB_GATEWAY__REBALANCE__INTERVAL", "100ms")
        .with("HUBBUB_GATEWAY__REBALANCE__EXCESS_MIN", "1")
        .with("HUBBUB_GATEWAY__REGISTRY__TTL", "5m");
    let mut cluster = Cluster::start(options).await.expect("a cluster");
    let workload = Workload::start(&cluster, 40, 4).await;
    let full = cluster.gateways[0].admin();
    let moves = async || {
        let (_, page) = full.page("/metrics").await.expect("a page of metrics");
        sample(&page, "hubbub_gateway_rebalance_moves_total")
    };
    cluster.spares[0].start_again().await.expect("it starts");
    eventually(PATIENCE, || async { moves().await > 0.0 }).await;
    cluster.redis.stop().await;
    // What was under way when it stopped.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = moves().await;
    // Time in which some would be asked, if it did not matter that the other one cannot be seen.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let asked = moves().await - before;
    assert!(asked < 0.5, "{asked} were asked to move");
    drop(workload);
}
