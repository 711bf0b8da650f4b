//! The Socket.IO door as its users see it: stock clients in front of two gateways and a balancer that
//! sends every request to the next of them.

use std::time::Duration;

use hubbub_client_protocol::{Command, CreateRoom, Created};
use hubbub_domain::{RoomId, RoomKind, UserId};
use hubbub_testkit::{Client, Cluster, RoundRobin, token};
use serde_json::{Value, json};

use crate::{
    line::Line,
    stock::{Language, Script, passes, tokens},
    workload::unlimited,
};

/// The ways a client may go.
const TRANSPORTS: [&[&str]; 3] = [&["polling"], &["websocket"], &["polling", "websocket"]];

/// Two gateways with a lobby, behind a balancer without stickiness.
async fn balanced() -> (Cluster, RoundRobin) {
    let options = unlimited()
        .with("HUBBUB_GATEWAY__LOBBY__ENABLED", "on")
        .with("HUBBUB_GATEWAY__LOBBY__EVENTS_PER_SECOND", "1000")
        .with("HUBBUB_GATEWAY__LOBBY__EVENTS_BURST", "1000");
    let cluster = Cluster::start(options).await.expect("a cluster");
    let servers = cluster.gateways.iter().map(hubbub_testkit::Node::address).collect();
    let balancer = RoundRobin::start(servers).await.expect("a balancer");
    (cluster, balancer)
}

fn settings(balancer: &RoundRobin, transports: &[&str], version: u32) -> Value {
    json!({
        "url": balancer.url(),
        "transports": transports,
        "version": version,
        "tokens": tokens(&["alice", "bob", "carol"]),
        "typing": true,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stock_javascript_clients_do_everything_over_any_transport() {
    let (cluster, balancer) = balanced().await;
    let (mut owner, _) = Line::welcomed(&cluster.urls()[0], &token("owner"), Value::Null).await;
    let square = json!({"type": "create_room", "kind": "public", "name": "square"});
    let square = owner.ask(square).await["ok"]["room"].clone();
    for transports in TRANSPORTS {
        let mut settings = settings(&balancer, transports, 4);
        settings["square"] = square.clone();
        passes(Language::JavaScript, "chat.mjs", &settings).await;
        passes(Language::JavaScript, "lobby.mjs", &settings).await;
    }
    let older = settings(&balancer, TRANSPORTS[2], 3);
    passes(Language::JavaScript, "chat.mjs", &older).await;
    passes(Language::JavaScript, "lobby.mjs", &older).await;
    let served = balancer.served();
    assert!(served.iter().all(|requests| *requests > 100), "both gateways were used: {served:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stock_python_client_does_everything_over_any_transport() {
    let (_cluster, balancer) = balanced().await;
    for transports in TRANSPORTS {
        passes(Language::Python, "scenario.py", &settings(&balancer, transports, 4)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_die_under_two_hundred_stock_clients_and_nobody_misses_anything() {
    const PEOPLE: usize = 200;
    const ROOMS: usize = 20;

    let (mut cluster, balancer) = balanced().await;
    let people: Vec<String> = (0..PEOPLE).map(|number| format!("user-{number}")).collect();
    let ids = make_rooms(&cluster, &people, ROOMS).await;
    let names: Vec<&str> = people.iter().map(String::as_str).collect();
    let mut storm = Script::start(
        Language::JavaScript,
        "storm.mjs",
        &json!({
            "url": balancer.url(),
            "transports": ["websocket"],
            "tokens": tokens(&names),
            "people": people,
            "rooms": ROOMS,
            "ids": ids,
            "interval": 2_000,
            "patience": 90_000,
        }),
    );
    storm.says("ready").await;
    talked(&mut storm, 200).await;
    for victim in 0..2 {
        cluster.gateways[victim].kill().await;
        let said = talked(&mut storm, 0).await;
        talked(&mut storm, said + 200).await;
        cluster.gateways[victim].start_again().await.expect("it comes back");
    }
    storm.tell("calm").await;
    let figures = storm.says("{").await;
    print(&figures);
    storm.says("passed").await;
}

#[expect(clippy::print_stdout, reason = "the figures of a run")]
fn print(figures: &str) {
    println!("{{{figures}");
}

/// Until so many messages were acknowledged; how many there are.
async fn talked(storm: &mut Script, wanted: usize) -> usize {
    loop {
        let acked = storm.says("talking").await.parse().expect("a number");
        if acked >= wanted {
            return acked;
        }
    }
}

/// Each has every `rooms`th of the people.
async fn make_rooms(cluster: &Cluster, people: &[String], rooms: usize) -> Vec<RoomId> {
    let founder = Client::start("founder", token("founder"), cluster.urls());
    let mut ids = Vec::new();
    for number in 0..rooms {
        let members = people.iter().skip(number).step_by(rooms);
        let create = CreateRoom {
            kind: RoomKind::Group,
            name: format!("storm {number}"),
            topic: String::new(),
            members: members.map(|name| UserId::parse(name).expect("valid")).collect(),
            request_id: None,
        };
        let created: Created = founder.call(Command::CreateRoom(create)).await.expect("a room");
        ids.push(created.room.room);
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_work_in_two_browsers_on_two_gateways() {
    let options = unlimited()
        .with("HUBBUB_GATEWAY__LOBBY__ENABLED", "on")
        .with("HUBBUB_GATEWAY__LOBBY__IDLE_TIMEOUT", "10s")
        .with("HUBBUB_GATEWAY__EXAMPLES", "on");
    let cluster = Cluster::start(options).await.expect("a cluster");
    let urls: Vec<String> =
        cluster.gateways.iter().map(|node| format!("http://{}", node.address())).collect();
    let settings = json!({
        "url": urls[0],
        "urls": urls,
        "tokens": tokens(&["alice", "bob"]),
        "typing": true,
    });
    tokio::time::timeout(
        Duration::from_mins(3),
        passes(Language::JavaScript, "pages.mjs", &settings),
    )
    .await
    .expect("in time");
}
