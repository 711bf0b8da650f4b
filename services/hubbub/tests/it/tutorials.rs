//! The Socket.IO door as front ends use it that were written for other servers: the clients of five
//! tutorials, and what such clients do that no protocol foresees.

use hubbub_testkit::{Cluster, ClusterOptions, Node, RoundRobin};
use serde_json::{Map, Value, json};

use crate::{
    line::Standalone,
    stock::{Language, passes, tokens},
};

const TRANSPORTS: [&[&str]; 3] = [&["polling"], &["websocket"], &["polling", "websocket"]];
/// What a guest says at most in these tests.
const WORD_BYTES_MAX: usize = 100_000;

const LOBBY: [(&str, &str); 4] = [
    ("HUBBUB_GATEWAY__EDGE__CONNECTS_PER_ADDRESS_PER_SECOND", "100000"),
    ("HUBBUB_GATEWAY__LOBBY__ENABLED", "on"),
    ("HUBBUB_GATEWAY__LOBBY__EVENTS_PER_SECOND", "10000"),
    ("HUBBUB_GATEWAY__LOBBY__EVENTS_BURST", "10000"),
];
const UNLIMITED: [(&str, &str); 5] = [
    ("HUBBUB_GATEWAY__USERS__SENDS_PER_SECOND", "100000"),
    ("HUBBUB_GATEWAY__USERS__SENDS_BURST", "100000"),
    ("HUBBUB_GATEWAY__USERS__REQUESTS_PER_SECOND", "100000"),
    ("HUBBUB_GATEWAY__USERS__REQUESTS_BURST", "100000"),
    ("HUBBUB_GATEWAY__LOBBY__WORD_BYTES_MAX", "100000"),
];

/// Two gateways, Postgres and Redis, behind a balancer without stickiness.
async fn balanced(settings: &[(&str, &str)]) -> (Cluster, RoundRobin) {
    let mut options = ClusterOptions::two_of_each(env!("CARGO_BIN_EXE_hubbub"));
    (options.rooms, options.histories) = (1, 1);
    for (name, value) in LOBBY.iter().chain(settings) {
        options = options.with(name, value);
    }
    let cluster = Cluster::start(options).await.expect("a cluster");
    let servers = cluster.gateways.iter().map(Node::address).collect();
    let balancer = RoundRobin::start(servers).await.expect("a balancer");
    (cluster, balancer)
}

fn settings(url: &str, transports: &[&str], version: u32) -> Value {
    json!({
        "url": url,
        "transports": transports,
        "version": version,
        "tokens": tokens(&["alice", "bob"]),
        "wordBytesMax": WORD_BYTES_MAX,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_the_tutorials_work_on_a_cluster() {
    let (_cluster, balancer) = balanced(&UNLIMITED).await;
    for transports in TRANSPORTS {
        let settings = settings(&balancer.url(), transports, 4);
        passes(Language::JavaScript, "tutorials.mjs", &settings).await;
        passes(Language::JavaScript, "halves.mjs", &settings).await;
    }
    let older = settings(&balancer.url(), TRANSPORTS[2], 3);
    passes(Language::JavaScript, "tutorials.mjs", &older).await;
    passes(Language::JavaScript, "halves.mjs", &older).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_the_tutorials_work_in_one_process() {
    let hubbub = Standalone::start(&[LOBBY.as_slice(), &UNLIMITED].concat()).await;
    let mut settings = settings(&format!("http://{}", hubbub.address()), TRANSPORTS[2], 4);
    let mut tokens = Map::new();
    for user in ["alice", "bob"] {
        tokens.insert(user.to_owned(), hubbub.token(user).await.into());
    }
    settings["tokens"] = tokens.into();
    hubbub.known(&["bob"]).await;
    for script in ["tutorials.mjs", "halves.mjs"] {
        passes(Language::JavaScript, script, &settings).await;
    }
    settings["transports"] = json!(["websocket"]);
    passes(Language::JavaScript, "loud.mjs", &settings).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typing_is_never_an_error_and_what_costs_has_a_rate() {
    let (_cluster, balancer) = balanced(&[]).await;
    let settings = settings(&balancer.url(), TRANSPORTS[1], 4);
    passes(Language::JavaScript, "rates.mjs", &settings).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_socketio_2_is_told_why_it_is_refused() {
    let hubbub = Standalone::start(&LOBBY).await;
    let url = format!("http://{}", hubbub.address());
    for transports in TRANSPORTS {
        passes(Language::JavaScript, "older.mjs", &settings(&url, transports, 2)).await;
    }
}
