//! How far messages have come, and the rules around them: receipts, mentions and replies, earlier
//! versions, bounds of reactions, slow mode. Alone and over two gateways.

use std::time::{Duration, Instant};

use hubbub_testkit::{Cluster, token};
use serde_json::{Value, json};

use crate::{
    line::Line,
    workload::unlimited,
    world::{World, in_both_worlds},
};

in_both_worlds! {
    markers_are_told_and_receipts_tell_of_everybody,
    mentions_and_replies_are_checked,
    earlier_versions_are_for_the_author_and_admins,
    reactions_have_bounds,
    slow_mode_lets_one_pass,
    a_newcomer_has_nothing_unread,
}

/// A group of alice's with others in it.
async fn group(alice: &mut Line, members: &[&str]) -> Value {
    let create = json!({"type": "create_room", "name": "tea", "members": members});
    let created = alice.ask(create).await;
    let room = created["ok"]["room"].clone();
    assert!(room.is_string(), "{created}");
    room
}

async fn say(line: &mut Line, room: &Value, client_id: &str) -> Value {
    send(line, room, client_id, json!({"text": "hi"})).await["ok"]["seq"].clone()
}

async fn send(line: &mut Line, room: &Value, client_id: &str, body: Value) -> Value {
    line.ask(json!({"type": "send", "room": room, "client_id": client_id, "body": body})).await
}

fn refused(answer: &Value, code: &str, words: &str) {
    assert_eq!(answer["error"]["code"], code, "{answer}");
    assert!(answer["error"]["message"].as_str().is_some_and(|it| it.contains(words)), "{answer}");
}

async fn receipts(line: &mut Line, room: &Value, seq: &Value) -> Value {
    line.ask(json!({"type": "receipts", "room": room, "seq": seq})).await["ok"].clone()
}

async fn markers_are_told_and_receipts_tell_of_everybody(world: &World) {
    let mut alice = world.line("alice", 0).await;
    let (mut bob, mut phone) = (world.line("bob", 1).await, world.line("bob", 0).await);
    let mut carol = world.line("carol", 1).await;
    world.known(&["dave", "erin"]).await;
    let room = group(&mut alice, &["bob", "carol", "dave"]).await;
    for line in [&mut bob, &mut phone, &mut carol] {
        line.event("joined").await;
    }
    let mut last = Value::Null;
    for n in 0..30 {
        last = say(&mut alice, &room, &n.to_string()).await;
    }
    let newest = last.as_u64().expect("a seq");
    let sent = receipts(&mut alice, &room, &last).await;
    let wanted =
        json!({"sender": "alice", "sent": ["bob", "carol", "dave"], "delivered": [], "read": []});
    assert_eq!(sent, wanted);

    // One by one, as a client does whose messages come in: told seldom, and to the end.
    for seq in newest - 29..=newest {
        let told = bob.ask(json!({"type": "delivered", "room": room, "seq": seq})).await;
        assert_eq!(told["ok"], json!({}), "{told}");
    }
    let mut told = 0;
    loop {
        let delivered = alice.event("delivered").await;
        told += 1;
        assert_eq!((&delivered["room"], &delivered["user"]), (&room, &json!("bob")));
        if delivered["seq"] == last {
            break;
        }
    }
    assert!(told < 30, "thirty markers of one user were stored one by one");
    let read = bob.ask(json!({"type": "read", "room": room, "seq": newest - 1})).await;
    let read = &read["ok"];
    assert_eq!((&read["last_read_seq"], &read["seq"]), (&json!(newest - 1), &json!(newest)));
    assert_eq!((&read["unread"], &read["mentions"]), (&json!(1), &json!(0)), "{read}");
    let read = alice.event("read").await;
    assert_eq!((&read["user"], &read["seq"]), (&json!("bob"), &json!(newest - 1)));
    assert_eq!(phone.event("chat").await["last_read_seq"], newest - 1, "bob's other device");
    let back = bob.ask(json!({"type": "read", "room": room, "seq": 1})).await;
    assert_eq!(back["ok"]["last_read_seq"], newest - 1, "it never goes back");

    // Whoever speaks has read; whoever comes later was not meant.
    say(&mut carol, &room, "carol's").await;
    let invite = json!({"type": "invite", "room": room, "users": ["erin"]});
    assert_eq!(alice.ask(invite).await["ok"]["added"], json!(["erin"]));
    let now = receipts(&mut carol, &room, &last).await;
    let wanted =
        json!({"sender": "alice", "sent": ["dave"], "delivered": ["bob"], "read": ["carol"]});
    assert_eq!(now, wanted);

    let ask = |kind: &str, seq: u64| json!({"type": kind, "room": room, "seq": seq});
    refused(&bob.ask(ask("delivered", 1_000)).await, "bad_request", "beyond the newest");
    refused(&bob.ask(ask("read", 1_000)).await, "bad_request", "beyond the newest");
    refused(&bob.ask(ask("receipts", 1_000)).await, "not_found", "no such message");
    refused(&bob.ask(ask("receipts", 0)).await, "bad_request", "seq");
    let mut stranger = world.line("mallory", 1).await;
    for kind in ["delivered", "read", "receipts", "edits"] {
        refused(&stranger.ask(ask(kind, 1)).await, "not_found", "no such room");
    }
}

async fn mentions_and_replies_are_checked(world: &World) {
    let (mut alice, mut bob) = (world.line("alice", 0).await, world.line("bob", 1).await);
    let room = group(&mut alice, &["bob"]).await;
    bob.event("joined").await;
    let mention = |names: &[&str]| json!({"text": "you", "mentions": names});
    let stranger = send(&mut alice, &room, "1", mention(&["bob", "mallory"])).await;
    refused(&stranger, "bad_request", "mentions: mallory is not a member");
    let seq = send(&mut alice, &room, "2", mention(&["bob"])).await["ok"]["seq"].clone();
    let edit = json!({"type": "edit", "room": room, "seq": seq, "body": mention(&["mallory"])});
    refused(&alice.ask(edit).await, "bad_request", "mallory");
    send(&mut alice, &room, "3", mention(&["bob", "alice", "bob"])).await;
    let chats = bob.ask(json!({"type": "chats"})).await;
    assert_eq!(chats["ok"]["chats"][0]["mentions"], 2, "{chats}");
    assert_eq!(chats["ok"]["chats"][0]["unread"], 2, "{chats}");

    let reply = |to: &Value| json!({"text": "re", "reply_to": to});
    assert!(send(&mut bob, &room, "4", reply(&seq)).await["ok"]["seq"].is_u64());
    let delete = json!({"type": "delete", "room": room, "seq": seq});
    assert!(alice.ask(delete).await["ok"]["rev"].is_u64());
    let gone = send(&mut bob, &room, "5", reply(&seq)).await;
    refused(&gone, "bad_request", "reply_to was deleted");
    let nothing = send(&mut bob, &room, "6", reply(&json!(99))).await;
    refused(&nothing, "bad_request", "reply_to is not an earlier message");
}

async fn earlier_versions_are_for_the_author_and_admins(world: &World) {
    let (mut alice, mut bob) = (world.line("alice", 0).await, world.line("bob", 1).await);
    let mut carol = world.line("carol", 0).await;
    let room = group(&mut alice, &["bob", "carol"]).await;
    bob.event("joined").await;
    carol.event("joined").await;
    let seq = send(&mut bob, &room, "1", json!({"text": "first"})).await["ok"]["seq"].clone();
    for text in ["second", "third"] {
        let edit = json!({"type": "edit", "room": room, "seq": seq, "body": {"text": text}});
        assert!(bob.ask(edit).await["ok"]["rev"].is_u64());
    }
    let ask = json!({"type": "edits", "room": room, "seq": seq});
    let texts = |answer: &Value| -> Vec<String> {
        let versions = answer["ok"]["versions"].as_array().expect("a list");
        let text = |version: &Value| version["body"]["text"].as_str().expect("a text").to_owned();
        versions.iter().map(text).collect()
    };
    for line in [&mut bob, &mut alice] {
        let answer = line.ask(ask.clone()).await;
        assert_eq!(texts(&answer), ["third", "second", "first"], "{answer}");
        assert_eq!(answer["ok"]["has_more"], false);
    }
    refused(&carol.ask(ask.clone()).await, "forbidden", "somebody else's");
    let page = json!({"type": "edits", "room": room, "seq": seq, "limit": 2});
    let page = alice.ask(page).await;
    assert_eq!((texts(&page).len(), &page["ok"]["has_more"]), (2, &json!(true)));
    let before = page["ok"]["versions"][1]["rev"].clone();
    let rest = json!({"type": "edits", "room": room, "seq": seq, "before_rev": before});
    assert_eq!(texts(&alice.ask(rest).await), ["first"]);
    let none = json!({"type": "edits", "room": room, "seq": seq, "limit": 0});
    refused(&alice.ask(none).await, "bad_request", "limit");

    // Delete for all, by an admin: nothing of it is left.
    assert!(alice.ask(json!({"type": "delete", "room": room, "seq": seq})).await["ok"].is_object());
    refused(&bob.ask(ask.clone()).await, "conflict", "deleted");
    refused(&alice.ask(ask).await, "conflict", "deleted");
}

async fn reactions_have_bounds(world: &World) {
    let (mut alice, mut bob) = (world.line("alice", 0).await, world.line("bob", 1).await);
    let room = group(&mut alice, &["bob"]).await;
    bob.event("joined").await;
    let seq = say(&mut alice, &room, "1").await;
    let react =
        |n: usize| json!({"type": "react", "room": room, "seq": seq, "emoji": format!("e{n}")});
    for n in 0..20 {
        assert_eq!(bob.ask(react(n)).await["ok"]["changed"], true);
    }
    refused(&bob.ask(react(20)).await, "limit_reached", "20 reactions");
    assert_eq!(bob.ask(react(0)).await["ok"]["changed"], false, "what is so already is no more");
    let mut back = react(0);
    back["on"] = json!(false);
    assert_eq!(bob.ask(back).await["ok"]["changed"], true);
    assert_eq!(bob.ask(react(20)).await["ok"]["changed"], true);
}

async fn slow_mode_lets_one_pass(world: &World) {
    let mut alice = world.line("alice", 0).await;
    let (mut bob, mut phone) = (world.line("bob", 0).await, world.line("bob", 1).await);
    let room = group(&mut alice, &["bob"]).await;
    bob.event("joined").await;
    phone.event("joined").await;
    let pace =
        |seconds: u64| json!({"type": "update_room", "room": room, "slow_mode_seconds": seconds});
    refused(&bob.ask(pace(9)).await, "forbidden", "admin");
    refused(&alice.ask(pace(21_601)).await, "bad_request", "slow_mode_seconds");
    assert_eq!(alice.ask(pace(3_600)).await["ok"]["slow_mode_seconds"], 3_600);
    for line in [&mut bob, &mut phone] {
        assert_eq!(line.event("room").await["slow_mode_seconds"], 3_600);
    }
    // From two devices, through both gateways, at once.
    let text = || json!({"text": "hi"});
    let (one, other) =
        tokio::join!(send(&mut bob, &room, "1", text()), send(&mut phone, &room, "2", text()));
    let (passed, late) = if one.get("ok").is_some() { (&one, &other) } else { (&other, &one) };
    assert!(passed["ok"]["seq"].is_u64(), "{one} {other}");
    refused(late, "rate_limited", "slow mode");
    let wait = late["error"]["retry_after_ms"].as_u64().expect("a delay");
    assert!((3_500_000..=3_600_000).contains(&wait), "{late}");
    for n in 0..3 {
        assert!(say(&mut alice, &room, &format!("owner {n}")).await.is_u64(), "exempt");
    }
    let again = if one.get("ok").is_some() { "1" } else { "2" };
    let duplicate = send(&mut bob, &room, again, text()).await;
    assert_eq!(duplicate["ok"]["duplicate"], true, "a retry is the same message: {duplicate}");

    assert_eq!(alice.ask(pace(1)).await["ok"]["slow_mode_seconds"], 1);
    while bob.event("room").await["slow_mode_seconds"] != 1 {}
    let mut waited = 0;
    while let Some(wait) =
        send(&mut bob, &room, "3", text()).await["error"]["retry_after_ms"].as_u64()
    {
        assert!(wait <= 1_000, "{wait} ms");
        // Time is what this is about: as long as the refusal says, and no longer.
        tokio::time::sleep(Duration::from_millis(wait)).await;
        waited += 1;
        assert!(waited < 5, "it never ends");
    }
    assert!(alice.ask(pace(0)).await["ok"].get("slow_mode_seconds").is_none());
    while bob.event("room").await.get("slow_mode_seconds").is_some() {}
    for n in 0..3 {
        assert!(say(&mut bob, &room, &format!("free {n}")).await.is_u64());
    }
}

async fn a_newcomer_has_nothing_unread(world: &World) {
    let (mut alice, mut bob) = (world.line("alice", 0).await, world.line("bob", 1).await);
    let create = json!({"type": "create_room", "kind": "public", "name": "square"});
    let room = alice.ask(create).await["ok"]["room"].clone();
    for n in 0..3 {
        say(&mut alice, &room, &n.to_string()).await;
    }
    assert!(bob.ask(json!({"type": "join", "room": room})).await["ok"].is_object());
    let unread = |chats: &Value| chats["ok"]["chats"][0]["unread"].clone();
    // The notice of their arrival is the room's newest message by now.
    while alice.event("message").await["system"]["event"] != "joined" {}
    assert_eq!(unread(&bob.ask(json!({"type": "chats"})).await), 0);
    say(&mut alice, &room, "after").await;
    assert_eq!(unread(&bob.ask(json!({"type": "chats"})).await), 1);
    let rename = json!({"type": "update_room", "room": room, "topic": "weather"});
    alice.ask(rename).await;
    while bob.event("message").await["system"]["event"] != "topic_set" {}
    assert_eq!(unread(&bob.ask(json!({"type": "chats"})).await), 1, "notices are never unread");
}

/// While the room service is away nobody is told that anything was stored which was not; what had
/// arrived is made up for.
#[tokio::test(flavor = "multi_thread")]
async fn markers_outlast_an_outage_of_the_room_service() {
    let mut cluster = Cluster::start(unlimited()).await.expect("a cluster");
    let urls = cluster.urls();
    let (mut alice, _) = Line::welcomed(&urls[0], &token("alice"), Value::Null).await;
    let (mut bob, _) = Line::welcomed(&urls[1], &token("bob"), Value::Null).await;
    let opened = alice.ask(json!({"type": "open_direct", "peer": "bob"})).await;
    let room = opened["ok"]["room"].clone();
    bob.event("joined").await;
    let seq = say(&mut alice, &room, "1").await;
    assert_eq!(bob.event("message").await["seq"], seq);

    for node in &mut cluster.rooms {
        node.kill().await;
    }
    let told = bob.ask(json!({"type": "delivered", "room": room, "seq": seq})).await;
    assert_eq!(told["ok"], json!({}), "{told}");
    let read = json!({"type": "read", "room": room, "seq": seq});
    let refused = bob.ask(read.clone()).await;
    assert_eq!(refused["error"]["code"], "unavailable", "{refused}");
    for node in &mut cluster.rooms {
        node.start_again().await.expect("it starts");
    }
    let delivered = alice.event("delivered").await;
    assert_eq!((&delivered["user"], &delivered["seq"]), (&json!("bob"), &seq));
    let deadline = Instant::now() + Duration::from_secs(30);
    while bob.ask(read.clone()).await["ok"]["unread"] != 0 {
        assert!(Instant::now() < deadline, "the room service is back, and nothing is stored");
    }
    assert_eq!(alice.event("read").await["seq"], seq);
}
