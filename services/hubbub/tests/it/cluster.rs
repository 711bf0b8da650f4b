//! A cluster that is well: 50 people in 10 rooms over two gateways.

use std::time::Duration;

use hubbub_testkit::Cluster;

use crate::workload::{Workload, unlimited};

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_messages_over_two_gateways() {
    let cluster = Cluster::start(unlimited()).await.expect("a cluster");
    let workload = Workload::start(&cluster, 50, 10).await;
    workload.talk(400, Duration::from_millis(20)).await;
    let outcome = workload.judge().await;
    assert_eq!(outcome.acked, 20_000);
    assert!(outcome.delivered >= 20_000 * 10, "every message reaches the ten of its room");
    assert_eq!(outcome.connections, 50, "nobody had to come back");
}
