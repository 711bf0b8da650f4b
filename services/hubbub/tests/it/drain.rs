//! A gateway that is asked to stop lets its clients move, and nothing is lost.

use std::time::Duration;

use hubbub_testkit::Cluster;

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
