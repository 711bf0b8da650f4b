//! What it costs the other roles and Redis when somebody connects (the same, however many rooms they are in),
//! and when people talk.

use std::time::Duration;

use hubbub_client_protocol::{Command, CreateRoom, Created};
use hubbub_domain::{RoomKind, UserId};
use hubbub_testkit::{Client, Cluster, ClusterOptions, Node, token};
use serde_json::Value;

use crate::{line::Line, workload::unlimited};

const CALLS: &str = "hubbub_grpc_server_calls_total";
/// What the design allows for connecting.
const CALLS_MAX: usize = 4;
/// Two, and what is not waited for: telling those who watch, what nodes say of themselves, the question
/// itself (with its greeting).
const READS_MAX: usize = 12;

/// Calls that the other roles have served, probes not counted.
async fn calls(cluster: &Cluster) -> usize {
    let mut calls = 0;
    for node in cluster.rooms.iter().chain(&cluster.histories) {
        calls += calls_of(node).await;
    }
    calls
}

async fn calls_of(node: &Node) -> usize {
    count_calls(node, |line| !line.contains("Health")).await
}

async fn count_calls(node: &Node, which: impl Fn(&str) -> bool) -> usize {
    let (_, page) = node.admin().page("/metrics").await.expect("a page of metrics");
    let served = page.lines().filter(|line| line.starts_with(CALLS) && which(line));
    served.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}

async fn make_rooms(founder: &Client, member: &str, rooms: usize) {
    for number in 0..rooms {
        let create = CreateRoom {
            kind: RoomKind::Group,
            name: format!("{member} {number}"),
            topic: String::new(),
            members: vec![UserId::parse(member).expect("valid")],
            request_id: None,
        };
        let _created: Created = founder.call(Command::CreateRoom(create)).await.expect("a room");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_costs_the_same_however_many_rooms_one_has() {
    // What is done from time to time would be counted too.
    let options = unlimited()
        .with("HUBBUB_GATEWAY__USERS__CHECK_INTERVAL", "1h")
        .with("HUBBUB_GATEWAY__HUB__RESYNC_INTERVAL", "1h")
        .with("HUBBUB_GATEWAY__PRESENCE__EXPIRY_INTERVAL", "1h");
    let cluster = Cluster::start(options).await.expect("a cluster");
    let [first, second] = &cluster.urls()[..] else { panic!("two gateways") };
    let founder = Client::start("founder", token("founder"), vec![first.clone()]);
    let mut costs = Vec::new();
    for (name, rooms) in [("few", 2), ("many", 150)] {
        let mut cost = (usize::MAX, usize::MAX);
        // What else happens in the moment, on a busy machine, is not part of every one of three.
        for number in 0..3 {
            let user = format!("{name}-{number}");
            make_rooms(&founder, &user, rooms).await;
            // What the new rooms still have to be told is no part of it either.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let before = spent(&cluster).await;
            let (_line, welcome) = Line::welcomed(second, &token(&user), Value::Null).await;
            let after = spent(&cluster).await;
            assert_eq!(welcome["rooms_total"], rooms, "{welcome}");
            cost = (cost.0.min(after.0 - before.0), cost.1.min(after.1 - before.1));
        }
        print(rooms, cost);
        assert!(cost.0 <= CALLS_MAX, "{} calls for {rooms} rooms", cost.0);
        assert!(cost.1 <= READS_MAX, "{} reads by Redis for {rooms} rooms", cost.1);
        costs.push(cost.0);
    }
    assert_eq!(costs[0], costs[1], "the number of calls does not depend on the rooms");
}

/// Calls served, and reads by Redis.
async fn spent(cluster: &Cluster) -> (usize, usize) {
    (calls(cluster).await, cluster.redis.reads().await.expect("statistics"))
}

#[expect(clippy::print_stdout, reason = "the figures of a run")]
fn print(rooms: usize, (calls, reads): (usize, usize)) {
    println!("connecting with {rooms} rooms: {calls} gRPC calls, Redis read {reads} times");
}

/// Who talks all the time is stored over a lasting call, also after history has gone and come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_does_not_cost_a_call() {
    const MESSAGES: usize = 60;

    let options = ClusterOptions { histories: 1, ..unlimited() };
    let mut cluster = Cluster::start(options).await.expect("a cluster");
    let alice = Client::start("alice", token("alice"), cluster.urls());
    let room = alice.open_direct("bob").await;
    for life in 0..2 {
        if life > 0 {
            cluster.histories[0].kill().await;
            cluster.histories[0].start_again().await.expect("it begins again");
        }
        for number in 0..MESSAGES {
            alice.send(room, &format!("message {number} of life {life}")).await;
            alice.settled(Duration::from_secs(30)).await;
        }
        // Calls, lasting or not: few, even if there is more than a second between some messages.
        let appends = count_calls(&cluster.histories[0], |line| line.contains("/Append")).await;
        assert!((1..MESSAGES / 2).contains(&appends), "{appends} calls for {MESSAGES} messages");
    }
}
