//! The same people while something breaks: nothing acknowledged is lost, nothing comes twice or out of
//! turn, and everybody catches up.

use std::time::Duration;

use hubbub_testkit::{ClientKind, Cluster, Node, eventually};

use crate::workload::{Outcome, Workload, unlimited};

const EACH: usize = 120;
const PAUSE: Duration = Duration::from_millis(40);
/// The fault comes when the load has been running for a while.
const BEFORE: Duration = Duration::from_millis(1_500);

/// Runs the load with a fault in the middle of it.
async fn under_load(fault: impl AsyncFnOnce(&mut Cluster)) -> (Cluster, Outcome) {
    let mut cluster = Cluster::start(unlimited()).await.expect("a cluster");
    let workload = Workload::start(&cluster, 50, 10).await;
    let injected = async {
        // Not waited for: the moment of the fault.
        tokio::time::sleep(BEFORE).await;
        fault(&mut cluster).await;
    };
    tokio::join!(workload.talk(EACH, PAUSE), injected);
    let outcome = workload.judge().await;
    assert_eq!(outcome.acked, 50 * EACH);
    (cluster, outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_is_killed() {
    let (_, outcome) = under_load(async |cluster| {
        cluster.gateways[0].kill().await;
        cluster.gateways[0].start_again().await.expect("it starts again");
    })
    .await;
    assert!(outcome.connections >= 75, "those of the dead gateway came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_service_is_killed_between_commit_and_publication() {
    let (cluster, _) = under_load(async |cluster| {
        // While Redis stands still, what is committed cannot be published.
        let redis = &cluster.redis;
        let before = stored(&cluster.histories[0]).await;
        let victim = &mut cluster.histories[0];
        let stop = redis.pause(Duration::from_millis(1_500));
        let kill = async {
            eventually(Duration::from_secs(10), || async { stored(victim).await > before }).await;
            victim.kill().await;
        };
        tokio::join!(stop, kill);
        cluster.histories[0].start_again().await.expect("it starts again");
    })
    .await;
    drop(cluster);
}

/// Messages a history service has committed.
async fn stored(node: &Node) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let count = node.metric("hubbub_history_appended_total").await.unwrap_or(0.0) as u64;
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_restarted_empty() {
    under_load(async |cluster| {
        cluster.redis.restart_empty().await.expect("Redis starts again");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_subscribers_of_redis_are_killed_again_and_again() {
    under_load(async |cluster| {
        for _ in 0..5 {
            cluster.redis.kill_clients(ClientKind::PubSub).await.expect("killed");
            // The rhythm of the fault.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_restarted() {
    under_load(async |cluster| {
        cluster.postgres.restart().await.expect("Postgres starts again");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_service_stands_still_for_a_while() {
    under_load(async |cluster| cluster.histories[0].pause(Duration::from_secs(4)).await).await;
}
