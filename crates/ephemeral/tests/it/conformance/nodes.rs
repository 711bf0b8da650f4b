//! What is said of nodes.

use std::time::Duration;

use hubbub_domain::Timestamp;
use hubbub_ephemeral::Node;
use hubbub_testkit::eventually;

use super::{LONG, State, TTL};
use crate::DEADLINE;

fn node(id: &str, connections: u64) -> Node {
    Node {
        id: id.to_owned(),
        address: format!("{id}:7104"),
        connections,
        closing: false,
        started_at: Timestamp::from_micros(1_700_000_000_000_000),
        heard: Duration::ZERO,
    }
}

/// The nodes, as they were written.
async fn known(state: &State) -> Vec<Node> {
    let nodes = state.nodes().await.unwrap();
    nodes.into_iter().map(|node| Node { heard: Duration::ZERO, ..node }).collect()
}

pub(crate) async fn a_node_is_there_until_it_stops_renewing(state: State) {
    assert_eq!(known(&state).await, []);
    state.register(&node("b", 1), LONG).await.unwrap();
    state.register(&node("a", 2), TTL).await.unwrap();
    assert_eq!(known(&state).await, [node("a", 2), node("b", 1)]);
    state.register(&node("b", 7), LONG).await.unwrap();
    eventually(DEADLINE, || async { known(&state).await == [node("b", 7)] }).await;
    assert_eq!(state.node("a").await, Ok(None));
    let found = state.node("b").await.unwrap().unwrap();
    assert!(found.heard >= Duration::from_millis(500), "it was heard before the other expired");
    assert_eq!((found.address.as_str(), found.connections), ("b:7104", 7));
    let closing = Node { closing: true, ..node("a", 3) };
    state.register(&closing, LONG).await.unwrap();
    assert_eq!(known(&state).await, [closing, node("b", 7)]);
}

pub(crate) async fn a_node_that_says_goodbye_is_gone_at_once(state: State) {
    state.register(&node("a", 2), LONG).await.unwrap();
    state.deregister("a").await.unwrap();
    state.deregister("a").await.unwrap();
    assert_eq!(known(&state).await, []);
}
