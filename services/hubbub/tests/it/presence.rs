//! Who types and who is there: the same scenarios on a process that stands alone and across the gateways
//! of a cluster, and what only a cluster shows.

use std::{collections::HashSet, time::Duration};

use hubbub_testkit::{Cluster, ClusterOptions, eventually, token};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::line::{Line, Standalone};

const PATIENCE: Duration = Duration::from_secs(30);
/// Short enough to wait for.
pub(crate) const TTL: Duration = Duration::from_secs(6);

const SETTINGS: [(&str, &str); 7] = [
    ("HUBBUB_GATEWAY__PRESENCE__TTL", "6s"),
    ("HUBBUB_GATEWAY__PRESENCE__RENEW_INTERVAL", "2s"),
    ("HUBBUB_GATEWAY__PRESENCE__GRACE", "1s"),
    ("HUBBUB_GATEWAY__PRESENCE__AWAY_AFTER", "4s"),
    ("HUBBUB_GATEWAY__PRESENCE__LOOK_INTERVAL", "2s"),
    ("HUBBUB_GATEWAY__PRESENCE__ACQUAINTANCE_INTERVAL", "2s"),
    ("HUBBUB_GATEWAY__TYPING__TTL", "5s"),
];

/// Where the scenarios run.
pub(crate) enum Place {
    Alone(Box<Standalone>),
    Cluster(Box<Cluster>),
}

impl Place {
    pub(crate) async fn alone() -> Self {
        Self::Alone(Box::new(Standalone::start(&SETTINGS).await))
    }

    pub(crate) async fn cluster(more: &[(&str, &str)]) -> Self {
        let mut options = ClusterOptions::two_of_each(env!("CARGO_BIN_EXE_hubbub"));
        (options.rooms, options.histories) = (1, 1);
        for (name, value) in SETTINGS.iter().chain(more) {
            options = options.with(name, value);
        }
        Self::Cluster(Box::new(Cluster::start(options).await.expect("a cluster")))
    }

    /// Connected and welcomed; in a cluster by the gateway of this number.
    pub(crate) async fn line(&self, user: &str, gateway: usize) -> Line {
        let (url, token) = match self {
            Self::Alone(hubbub) => (format!("ws://{}", hubbub.address()), hubbub.token(user).await),
            Self::Cluster(cluster) => (cluster.urls()[gateway].clone(), token(user)),
        };
        let mut line = Line::open(&url).await;
        let welcome = line.ask(json!({"type": "hello", "token": token})).await;
        assert_eq!(welcome["ok"]["user"], user, "{welcome}");
        if matches!(self, Self::Alone(_)) {
            // What is told without an identity service, and what settings change: see people_policy.
            let show = json!({"type": "update_me", "presence_to": "everyone"});
            assert!(line.ask(show).await["ok"].is_object());
        }
        line
    }

    /// Has these users exist, and show themselves. Where no identity service runs they need not.
    async fn known(&self, users: &[&str]) {
        let Self::Alone(hubbub) = self else { return };
        hubbub.known(users).await;
        for user in users {
            let request =
                reqwest::Client::new().patch(format!("http://{}/v1/me", hubbub.address()));
            let request = request.bearer_auth(hubbub.token(user).await);
            let shown = request.body(r#"{"presence_to": "everyone"}"#).send().await;
            assert_eq!(shown.expect("answered").status(), 200, "{user}");
        }
    }
}

async fn room_of(line: &mut Line, peer: &str) -> Value {
    line.ask(json!({"type": "open_direct", "peer": peer})).await["ok"]["room"].clone()
}

async fn watch(line: &mut Line, users: &[&str]) -> Vec<Value> {
    let answer = line.ask(json!({"type": "watch", "users": users})).await;
    answer["ok"]["users"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

/// Waits until somebody is said to be so.
async fn becomes(line: &mut Line, user: &str, states: &[&str]) -> Value {
    loop {
        let event = presence(line, user).await;
        if states.contains(&event["state"].as_str().unwrap_or_default()) {
            return event;
        }
    }
}

/// The next word about somebody.
async fn presence(line: &mut Line, user: &str) -> Value {
    loop {
        let event = line.event("presence").await;
        if event["user"] == user {
            return event;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_meet_in_one_process() {
    let place = Place::alone().await;
    Box::pin(typing_is_told_to_the_others_and_ends(&place)).await;
    Box::pin(whoever_shares_a_room_sees_who_is_there(&place)).await;
    Box::pin(whoever_asks_for_nothing_is_away(&place)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_meet_across_gateways() {
    let place = Place::cluster(&[]).await;
    Box::pin(typing_is_told_to_the_others_and_ends(&place)).await;
    Box::pin(whoever_shares_a_room_sees_who_is_there(&place)).await;
    Box::pin(whoever_asks_for_nothing_is_away(&place)).await;
}

async fn typing_is_told_to_the_others_and_ends(place: &Place) {
    let (mut tim, mut tom) = (place.line("tim", 0).await, place.line("tom", 1).await);
    let room = room_of(&mut tim, "tom").await;
    let opened = tom.ask(json!({"type": "open_direct", "peer": "tim"})).await;
    assert_eq!(opened["ok"]["typing"], json!([]), "{opened}");
    let typing = |on: bool| json!({"type": "typing", "room": room, "on": on});

    assert_eq!(tim.ask(typing(true)).await["ok"], json!({}));
    let told = tom.event("typing").await;
    assert_eq!((&told["user"], &told["on"]), (&json!("tim"), &json!(true)), "{told}");
    let page = tom.ask(json!({"type": "history", "room": room})).await;
    assert_eq!(page["ok"]["typing"], json!(["tim"]), "{page}");
    let body = json!({"text": "done"});
    let send = json!({"type": "send", "room": room, "client_id": "1", "body": body});
    let (sent, heard) = tim.ask_hearing(send).await;
    assert!(sent["ok"]["seq"].is_u64(), "{sent}");
    assert_eq!(tom.event("typing").await["on"], false, "a message ends it");
    assert!(heard.iter().all(|event| event["type"] != "typing"), "not to oneself: {heard:?}");

    tim.ask(typing(true)).await;
    assert_eq!(tom.event("typing").await["on"], true);
    tim.ask(typing(false)).await;
    assert_eq!(tom.event("typing").await["on"], false, "a word ends it");
    tim.ask(typing(true)).await;
    assert_eq!(tom.event("typing").await["on"], true);
    let begun = Instant::now();
    assert_eq!(tom.event("typing").await["on"], false, "time ends it");
    assert!(begun.elapsed() < PATIENCE);

    tom.ask(typing(true)).await;
    assert_eq!(tim.event("typing").await["user"], "tom");
    drop(tom);
    assert_eq!(tim.event("typing").await["on"], false, "going away ends it");
    let mut stranger = place.line("stranger", 1).await;
    assert_eq!(stranger.ask(typing(true)).await["error"]["code"], "not_found");
}

async fn whoever_shares_a_room_sees_who_is_there(place: &Place) {
    let mut ann = place.line("ann", 0).await;
    place.known(&["nobody", "ben"]).await;
    let create = json!({"type": "create_room", "name": "tea", "members": ["ben"]});
    let room = ann.ask(create).await["ok"]["room"].clone();
    drop(place.line("cat", 1).await);
    let seen = watch(&mut ann, &["ben", "cat", "nobody", "ann", "ben"]).await;
    let states: Vec<&Value> = seen.iter().map(|it| &it["state"]).collect();
    assert_eq!(states, ["offline", "unknown", "unknown", "online"], "{seen:?}");

    let mut ben = place.line("ben", 1).await;
    let online = presence(&mut ann, "ben").await;
    assert_eq!(online["state"], "online");
    // Another device; then one goes, and the other comes back within the grace.
    let device = place.line("ben", 0).await;
    drop(ben);
    ben = place.line("ben", 1).await;
    drop(device);
    drop(ben);
    ben = place.line("ben", 0).await;
    let again = watch(&mut ann, &["ben"]).await;
    assert_eq!(again[0]["version"], online["version"], "nothing was told meanwhile: {again:?}");
    drop(ben);
    let offline = presence(&mut ann, "ben").await;
    assert_eq!(offline["state"], "offline");
    assert!(offline["last_seen"].is_string(), "{offline}");
    assert!(offline["version"].as_u64() > online["version"].as_u64());
    let _ben = place.line("ben", 1).await;
    assert_eq!(presence(&mut ann, "ben").await["state"], "online");

    let remove = json!({"type": "remove", "room": room, "user": "ben"});
    assert!(ann.ask(remove).await["ok"].is_object());
    // They share no room now.
    becomes(&mut ann, "ben", &["unknown"]).await;
    let invite = json!({"type": "invite", "room": room, "users": ["ben"]});
    assert!(ann.ask(invite).await["ok"].is_object());
    // Now they do.
    becomes(&mut ann, "ben", &["online", "away"]).await;
    let many: Vec<String> = (0..501).map(|n| n.to_string()).collect();
    let refused = ann.ask(json!({"type": "watch", "users": many})).await;
    assert_eq!(refused["error"]["code"], "limit_reached", "{refused}");
}

async fn whoever_asks_for_nothing_is_away(place: &Place) {
    let (mut ida, mut joe) = (place.line("ida", 0).await, place.line("joe", 1).await);
    room_of(&mut ida, "joe").await;
    if watch(&mut ida, &["joe"]).await[0]["state"] != "away" {
        becomes(&mut ida, "joe", &["away"]).await;
    }
    joe.ask(json!({"type": "chats"})).await;
    becomes(&mut ida, "joe", &["online"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_a_hundred_people_dies_and_leaves_no_ghost() {
    let place = Place::cluster(&[("HUBBUB_GATEWAY__PRESENCE__AWAY_AFTER", "5m")]).await;
    let names: Vec<String> = (0..100).map(|n| format!("ghost{n}")).collect();
    let mut watcher = place.line("watcher", 1).await;
    let create = json!({"type": "create_room", "name": "house", "members": names});
    assert!(watcher.ask(create).await["ok"].is_object());
    let mut people = Vec::new();
    for name in &names {
        people.push(place.line(name, 0).await);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let seen = watch(&mut watcher, &names).await;
    assert!(seen.iter().all(|it| it["state"] == "online"), "{seen:?}");
    let Place::Cluster(mut cluster) = place else { unreachable!("it is one") };
    cluster.gateways[0].kill().await;
    let killed = Instant::now();
    let mut left: HashSet<&str> = names.iter().copied().collect();
    while !left.is_empty() {
        let event = watcher.event("presence").await;
        let user = event["user"].as_str().expect("a name");
        assert_eq!(event["state"], "offline", "{event}");
        assert!(left.remove(user), "{user} was told twice");
    }
    let told_after = killed.elapsed();
    println!("100 people of a killed gateway were offline after {told_after:?} (TTL {TTL:?})");
    assert!(told_after < TTL + Duration::from_secs(2), "{told_after:?}");
    let no_ghosts = || async {
        let names = cluster.redis.names().await.expect("Redis answers");
        // When they were last seen is remembered on purpose.
        let mut held = names.iter().filter(|(key, _)| !key.ends_with(":seen"));
        !held.any(|(key, names)| {
            key.contains("ghost") || names.iter().any(|name| name.contains("ghost"))
        })
    };
    eventually((2 * TTL).saturating_sub(killed.elapsed()), no_ghosts).await;
    println!("no key of theirs was left in Redis {:?} after the kill", killed.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nobody_can_say_who_shares_a_room_everybody_is_unknown() {
    let mut place = Place::cluster(&[("HUBBUB_GATEWAY__PRESENCE__AWAY_AFTER", "5m")]).await;
    let mut eva = place.line("eva", 0).await;
    room_of(&mut eva, "max").await;
    let _max = place.line("max", 1).await;
    assert_eq!(watch(&mut eva, &["max"]).await[0]["state"], "online");
    let Place::Cluster(cluster) = &mut place else { unreachable!("it is one") };
    cluster.rooms[0].kill().await;
    assert_eq!(presence(&mut eva, "max").await["state"], "unknown", "a block may have come");
    cluster.rooms[0].start_again().await.expect("it starts again");
    assert_eq!(presence(&mut eva, "max").await["state"], "online");
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_hold_across_gateways_and_an_outage_of_redis_is_unknown() {
    let more = [
        ("HUBBUB_GATEWAY__EDGE__CONNECTIONS_PER_USER_MAX", "3"),
        ("HUBBUB_GATEWAY__PRESENCE__AWAY_AFTER", "5m"),
    ];
    let place = Place::cluster(&more).await;
    Box::pin(messages_are_counted_on_both(&place)).await;
    let mut eva = place.line("eva", 0).await;
    room_of(&mut eva, "max").await;
    let max = (place.line("max", 0).await, place.line("max", 1).await, place.line("max", 0).await);
    let Place::Cluster(cluster) = &place else { unreachable!("it is one") };
    let mut fourth = Line::open(&cluster.urls()[1]).await;
    fourth.say(&json!({"id": 1, "type": "hello", "token": token("max")}).to_string()).await;
    let refused = fourth.hear().await;
    assert_eq!(refused["error"]["code"], "limit_reached", "{refused}");
    assert_eq!(fourth.closed().await.0, 4509);
    drop(max.1);
    // The grace of the one that went has to pass.
    let room_for_one = || async {
        let mut line = Line::open(&cluster.urls()[1]).await;
        line.say(&json!({"id": 1, "type": "hello", "token": token("max")}).to_string()).await;
        line.hear().await["ok"].is_object()
    };
    eventually(PATIENCE, room_for_one).await;

    assert_eq!(watch(&mut eva, &["max"]).await[0]["state"], "online");
    cluster.redis.stop().await;
    assert_eq!(presence(&mut eva, "max").await["state"], "unknown", "not offline");
    assert_eq!(watch(&mut eva, &["max"]).await[0]["state"], "unknown");
    cluster.redis.start_again().await.expect("Redis starts");
    assert_eq!(presence(&mut eva, "max").await["state"], "online", "and never offline");
}

/// What one user may send at once and in a while is the same on two gateways as on one.
#[expect(clippy::print_stdout, reason = "a figure for whoever runs it by hand")]
async fn messages_are_counted_on_both(place: &Place) {
    let mut lines = [place.line("sam", 0).await, place.line("sam", 1).await];
    let room = room_of(&mut lines[0], "pat").await;
    let begun = Instant::now();
    let mut accepted = 0_u32;
    for (device, line) in lines.iter_mut().enumerate() {
        for number in 1_000..1_060 {
            let (id, body) = (format!("{device}-{number}"), json!({"text": "again"}));
            let send =
                json!({"id": number, "type": "send", "room": room, "client_id": id, "body": body});
            line.say(&send.to_string()).await;
        }
    }
    for line in &mut lines {
        for _ in 0..60 {
            let answer = loop {
                let heard = line.hear().await;
                if heard["re"].as_u64() >= Some(1_000) {
                    break heard;
                }
            };
            if answer["ok"].is_object() {
                accepted += 1;
            } else {
                assert_eq!(answer["error"]["code"], "rate_limited", "{answer}");
                assert!(answer["error"]["retry_after_ms"].is_u64(), "{answer}");
            }
        }
    }
    let fair = 20.0 + 10.0 * begun.elapsed().as_secs_f64();
    println!(
        "{accepted} of 120 messages within {:?}; one node would allow {fair}",
        begun.elapsed()
    );
    // Each node may spend a burst before it hears of the other's.
    assert!(f64::from(accepted) <= fair + 20.0 + 5.0, "{accepted} of {fair}");
    assert!(accepted < 120, "nothing was refused");
}
