//! How many are in a public room: the same on a process that stands alone and across the gateways of a
//! cluster, and what only a cluster shows.

use std::time::Duration;

use hubbub_testkit::eventually;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    line::Line,
    presence::{Place, TTL},
};

/// Waits until a room one looks at has so many people.
async fn counted(line: &mut Line, room: &Value, online: u64) {
    loop {
        let event = line.event("room_online").await;
        if event["room"] == *room && event["online"] == online {
            return;
        }
    }
}

/// A public room of ann's, which ben joins.
async fn public_room(ann: &mut Line, ben: &mut Line, name: &str) -> Value {
    let create = json!({"type": "create_room", "kind": "public", "name": name});
    let room = ann.ask(create).await["ok"]["room"].clone();
    let join = json!({"type": "join", "room": room});
    assert!(ben.ask(join).await["ok"].is_object());
    room
}

fn look(prefix: &str) -> Value {
    json!({"type": "public_rooms", "prefix": prefix, "watch": true})
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_in_one_process_is_told_how_many_are_there() {
    Box::pin(who_looks_is_told(&Place::alone().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_at_two_gateways_is_told_how_many_are_there() {
    Box::pin(who_looks_is_told(&Place::cluster(&[]).await)).await;
}

async fn who_looks_is_told(place: &Place) {
    let (mut una, mut vic) = (place.line("una", 0).await, place.line("vic", 1).await);
    let room = public_room(&mut una, &mut vic, "plaza").await;
    let mut zoe = place.line("zoe", 1).await;
    let first = zoe.ask(look("plaza")).await["ok"]["rooms"][0].clone();
    assert_eq!((&first["room"], &first["online"]), (&room, &Value::Null), "nobody looked so far");
    counted(&mut zoe, &room, 2).await;
    // Another device of one of them, on the other gateway, is not another person.
    let device = place.line("vic", 0).await;
    let mut wes = place.line("wes", 0).await;
    assert!(wes.ask(json!({"type": "join", "room": room})).await["ok"].is_object());
    counted(&mut zoe, &room, 3).await;
    let again = una.ask(json!({"type": "public_rooms", "prefix": "plaza"})).await;
    let known = &again["ok"]["rooms"][0]["online"];
    assert!(known.is_null() || *known == 3, "{again}");
    drop(vic);
    assert!(wes.ask(json!({"type": "leave", "room": room})).await["ok"].is_object());
    counted(&mut zoe, &room, 2).await;
    drop(device);
    counted(&mut zoe, &room, 1).await;
    let end = json!({"type": "public_rooms", "prefix": "plaza", "watch": false});
    assert_eq!(zoe.ask(end).await["ok"]["rooms"][0]["online"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_counts_where_nobody_looks_and_who_died_is_not_counted() {
    let place = Place::cluster(&[("HUBBUB_GATEWAY__PRESENCE__AWAY_AFTER", "5m")]).await;
    let (mut una, mut vic) = (place.line("una", 0).await, place.line("vic", 1).await);
    let room = public_room(&mut una, &mut vic, "plaza").await;
    let mut people = Vec::new();
    for n in 0..20 {
        let mut line = place.line(&format!("guest{n}"), 0).await;
        assert!(line.ask(json!({"type": "join", "room": room})).await["ok"].is_object());
        people.push(line);
    }
    let Place::Cluster(cluster) = &place else { unreachable!("it is one") };
    let keys = cluster.redis.names().await.expect("Redis answers");
    assert!(!keys.iter().any(|(key, _)| key.ends_with(":crowd")), "nobody looks: {keys:?}");

    let mut zoe = place.line("zoe", 1).await;
    zoe.ask(look("plaza")).await;
    counted(&mut zoe, &room, 22).await;
    let Place::Cluster(mut cluster) = place else { unreachable!("it is one") };
    cluster.gateways[0].kill().await;
    let killed = Instant::now();
    counted(&mut zoe, &room, 1).await;
    let told_after = killed.elapsed();
    println!("21 people of a killed gateway were counted out after {told_after:?} (TTL {TTL:?})");
    assert!(told_after < TTL + Duration::from_secs(2), "{told_after:?}");
    drop(zoe);
    let no_crowd = || async {
        let keys = cluster.redis.names().await.expect("Redis answers");
        !keys.iter().any(|(key, _)| key.ends_with(":crowd"))
    };
    // For so long it is believed that somebody looks; then the last of it has to end.
    eventually(Duration::from_secs(30) + 2 * TTL, no_crowd).await;
}
