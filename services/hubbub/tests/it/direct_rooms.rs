//! Two people have one direct room, however many ask for it at once.

use std::collections::HashSet;

use futures::future::join_all;
use hubbub_testkit::{Cluster, token};
use reqwest::Client;
use serde_json::{Value, json};

use crate::workload::unlimited;

const CALLS: usize = 500;

/// Through both gateways, each of which spreads its calls over both room processes.
#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_calls_over_two_processes_find_or_make_one_room() {
    let cluster = Cluster::start(unlimited()).await.expect("a cluster");
    let gateways: Vec<String> =
        cluster.urls().iter().map(|url| url.replacen("ws", "http", 1)).collect();
    let (client, tokens) = (Client::new(), [token("alice"), token("bob")]);
    let peers = ["bob", "alice"];
    let asked = (0..CALLS).map(async |number| {
        let url = format!("{}/v1/rooms/direct", gateways[number % gateways.len()]);
        let side = number / 2 % 2;
        let body = json!({"peer": peers[side]}).to_string();
        let asked = client.post(url).bearer_auth(&tokens[side]).body(body).send().await;
        json_of(asked.expect("answered")).await
    });
    let answers = join_all(asked).await;
    let rooms: HashSet<String> = answers.iter().map(|answer| answer["room"].to_string()).collect();
    assert_eq!(rooms.len(), 1, "{rooms:?}");
    let made = answers.iter().filter(|answer| answer["created"] == true).count();
    assert_eq!(made, 1, "one call made it, the others found it");

    for token in &tokens {
        let url = format!("{}/v1/chats", gateways[0]);
        let chats = client.get(url).bearer_auth(token).send().await.expect("answered");
        let chats = json_of(chats).await;
        assert_eq!(chats["chats"].as_array().map(Vec::len), Some(1), "one chatRecord: {chats}");
    }
    for room in &cluster.rooms {
        let calls = room.metric("hubbub_room_calls_total").await.expect("a metric");
        assert!(calls > 0.0, "{} took part", room.name());
    }
}

async fn json_of(response: reqwest::Response) -> Value {
    let text = response.text().await.expect("text");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
}
