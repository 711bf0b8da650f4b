//! A message sent again is the same message, wherever it is sent.

use std::time::Duration;

use hubbub_domain::ClientId;
use hubbub_testkit::{Client, Cluster, checker::Entry, token};

use crate::workload::unlimited;

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_through_the_other_gateway_after_a_kill_gets_the_first_place() {
    let mut cluster = Cluster::start(unlimited()).await.expect("a cluster");
    let [first, second] = &cluster.urls()[..] else { panic!("two gateways") };
    let client_id = ClientId::parse("the one and only").expect("a client id");

    let alice = Client::start("alice", token("alice"), vec![first.clone()]);
    let room = alice.open_direct("bob").await;
    alice.send(room, "before").await;
    alice.send_as(room, client_id.clone(), "once").await;
    alice.settled(PATIENCE).await;
    cluster.gateways[0].kill().await;

    let again = Client::start("alice", token("alice"), vec![second.clone()]);
    again.send(room, "after").await;
    again.send_as(room, client_id.clone(), "twice").await;
    again.settled(PATIENCE).await;

    let places = |client: &Client| -> Vec<(u64, bool)> {
        let acked = client.log().entries.into_iter().filter_map(|entry| match entry {
            Entry::Acked { client_id: id, appended, .. } if id == client_id => Some(appended),
            _ => None,
        });
        acked.map(|appended| (appended.seq.0, appended.duplicate)).collect()
    };
    assert_eq!(places(&alice), [(2, false)]);
    assert_eq!(places(&again), [(2, true)]);
    let (messages, _) = crate::workload::read_all(&again, room).await;
    assert_eq!(messages.len(), 3, "before, once, after");
}
