//! Who comes into a room, and who goes, is known on every gateway at once.

use std::time::Duration;

use hubbub_client_protocol::{Command, CreateRoom, Created, Invite, Invited, Remove};
use hubbub_domain::{Rev, RoomId, RoomKind};
use hubbub_testkit::{Client, Cluster, ClusterOptions, Flow, checker::Entry, eventually, token};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    line::Line,
    workload::{unlimited, user},
};

const PATIENCE: Duration = Duration::from_secs(30);
const ROUNDS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn comings_and_goings_cross_gateways_at_once_and_nothing_leaks() {
    let cluster = Cluster::start(unlimited()).await.expect("a cluster");
    let [first, second] = &cluster.urls()[..] else { panic!("two gateways") };
    let alice = Client::start("alice", token("alice"), vec![first.clone()]);
    let bob = Client::start("bob", token("bob"), vec![second.clone()]);
    eventually(PATIENCE, || async { bob.connections() == 1 }).await;
    let room = create(&alice).await;
    let mut slowest = Duration::ZERO;
    for round in 0..ROUNDS {
        let invite = Invite { room, users: vec![user("bob")] };
        let invited: Invited = alice.call(Command::Invite(invite)).await.expect("invited");
        assert_eq!(invited.added, [user("bob")]);
        let invited = Instant::now();
        eventually(PATIENCE, || async { bob.rev(room).is_some() }).await;
        slowest = slowest.max(invited.elapsed());
        alice.send(room, &format!("for both {round}")).await;
        alice.settled(PATIENCE).await;
        seen_by_both(&alice, &bob, room).await;

        let remove = Remove { room, user: user("bob") };
        alice.call::<serde_json::Value>(Command::Remove(remove)).await.expect("removed");
        alice.send(room, &format!("secret {round}")).await;
        alice.settled(PATIENCE).await;
        let removed = Instant::now();
        eventually(PATIENCE, || async { bob.rev(room).is_none() }).await;
        slowest = slowest.max(removed.elapsed());
    }
    println!("the slowest coming or going was known on the other gateway after {slowest:?}");
    // What was said while bob was away never reached him, though he was connected all the time.
    let leaked = bob.log().entries.into_iter().find(|entry| {
        matches!(entry, Entry::Delivered { message: Some(message), .. }
            if serde_json::to_string(message).is_ok_and(|json| json.contains("secret")))
    });
    assert!(leaked.is_none(), "{leaked:?}");
    assert_eq!(bob.connections(), 1);
}

async fn create(alice: &Client) -> RoomId {
    let create = CreateRoom {
        kind: RoomKind::Group,
        name: "doors".to_owned(),
        topic: String::new(),
        members: vec![],
        request_id: None,
    };
    let created: Created = alice.call(Command::CreateRoom(create)).await.expect("a room");
    created.room.room
}

/// Until bob has what alice has.
async fn seen_by_both(alice: &Client, bob: &Client, room: RoomId) {
    eventually(PATIENCE, || async { alice.rev(room) > Some(Rev::ZERO) }).await;
    let rev = alice.rev(room).expect("she follows it");
    bob.seen(room, rev, PATIENCE).await;
}

/// The room service's way to the bus is cut: what it says of a room reaches nobody. The room's own order
/// does, as history's way is whole.
#[tokio::test(flavor = "multi_thread")]
async fn how_a_room_is_set_is_known_though_the_bus_has_lost_it() {
    let options = ClusterOptions { rooms: 1, ..unlimited().proxied() };
    let cluster = Cluster::start(options).await.expect("a cluster");
    let line = async |user: &str, gateway: usize| {
        Line::welcomed(&cluster.urls()[gateway], &token(user), Value::Null).await.0
    };
    let (mut ann, mut ben) = (line("ann", 0).await, line("ben", 1).await);
    let create = json!({"type": "create_room", "name": "tea", "members": ["ben"]});
    let room = ann.ask(create).await["ok"]["room"].clone();
    assert_eq!(ben.event("joined").await["room"], room);

    let way = cluster.network.proxy("room-1", "redis").expect("a way");
    way.set(|faults| faults.up = Flow::Swallow);
    let state = json!({"type": "update_room", "room": room, "state": "read_only"});
    assert!(ann.ask(state).await["ok"].is_object());
    until_answered(&mut ben, &room, "conflict").await;
    let slow = json!({"type": "update_room", "room": room, "state": "open",
        "slow_mode_seconds": 3_600});
    assert!(ann.ask(slow).await["ok"].is_object());
    until_answered(&mut ben, &room, "rate_limited").await;
}

/// Sends until that is refused for this reason.
async fn until_answered(line: &mut Line, room: &Value, code: &str) {
    let until = Instant::now() + PATIENCE;
    for number in 0.. {
        let (id, body) = (format!("{code}-{number}"), json!({"text": "hi"}));
        let send = json!({"type": "send", "room": room, "client_id": id, "body": body});
        let answer = line.ask(send).await;
        if answer["error"]["code"] == code {
            return;
        }
        assert!(Instant::now() < until, "{answer}, and no {code}");
    }
}
