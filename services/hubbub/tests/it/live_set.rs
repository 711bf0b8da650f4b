//! Nobody is silenced by rooms that others make: quotas, and which rooms are followed live. In one
//! process on SQLite and in a cluster on Postgres.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    line::Line,
    people_house::{House, Person, in_both_houses},
    sio::Sio,
};

const POST: Method = Method::POST;

in_both_houses! {
    [
        ("HUBBUB_GATEWAY__USERS__ROOMS_MADE_BURST", "6"),
        ("HUBBUB_GATEWAY__USERS__PEOPLE_ADDED_BURST", "8"),
        ("HUBBUB_GATEWAY__HUB__ROOMS_PER_SESSION_MAX", "3"),
    ],
    making_rooms_has_a_quota_in_the_whole_cluster,
    adding_people_has_a_quota_in_the_whole_cluster,
    the_most_active_rooms_are_followed_and_the_client_knows_which,
    a_socket_keeps_the_rooms_it_entered,
}

fn limited(answer: &Value) {
    assert_eq!(answer["error"]["code"], "rate_limited", "{answer}");
    let wait = answer["error"]["retry_after_ms"].as_u64();
    assert!(wait.is_some_and(|wait| wait > 0 && wait <= 60_000), "{answer}");
}

async fn making_rooms_has_a_quota_in_the_whole_cluster(house: &House) {
    let hal = house.register("hal").await;
    for name in ["ida", "ivy", "joe"] {
        house.register(name).await;
    }
    let mut lines = [house.line(0, &hal).await, house.line(1, &hal).await];
    let open = |peer: &str| json!({"type": "open_direct", "peer": peer});
    let create = |members: Value| json!({"type": "create_room", "name": "x", "members": members});
    let direct = lines[0].ask(open("ida")).await["ok"]["room"].clone();
    assert!(direct.is_string());
    // What comes to nothing costs nothing, and neither does a room that is there.
    for _ in 0..10 {
        assert_eq!(lines[1].ask(open("nobody")).await["error"]["code"], "not_found");
        assert_eq!(lines[1].ask(open("ida")).await["ok"]["room"], direct);
        assert_eq!(lines[0].ask(create(json!(["nobody"]))).await["error"]["code"], "not_found");
    }
    for number in 0..5 {
        let made = lines[number % 2].ask(create(json!([]))).await;
        assert!(made["ok"]["room"].is_string(), "{number}: {made}");
    }
    for line in &mut lines {
        limited(&line.ask(create(json!([]))).await);
        limited(&line.ask(open("ivy")).await);
        assert_eq!(line.ask(open("ida")).await["ok"]["room"], direct);
    }
    for number in 0..2 {
        let path = (POST, "/v1/rooms");
        let (status, answer) =
            house.ask(number, path, Some(&hal.access), json!({"name": "x"})).await;
        assert_eq!(status, 429);
        limited(&answer);
    }
    let mut chat = Sio::chat(house.gateway(1), &hal.access).await.expect("let in");
    let answer = chat.ask("openRoom", json!({"receiver": "joe"})).await;
    assert_eq!(answer["error"]["code"], "rate_limited", "{answer}");
    let opened = chat.ask("openRoom", json!({"receiver": "ida"})).await;
    assert_eq!(opened["roomId"], direct);
}

async fn adding_people_has_a_quota_in_the_whole_cluster(house: &House) {
    let kim = house.register("kim").await;
    let names: Vec<String> = (0..10).map(|number| format!("lee{number}")).collect();
    for name in &names {
        house.register(name).await;
    }
    let mut lines = [house.line(0, &kim).await, house.line(1, &kim).await];
    let create = json!({"type": "create_room", "name": "x", "members": names[..5]});
    let room = lines[0].ask(create).await["ok"]["room"].clone();
    let invite =
        |users: &[String]| json!({"type": "invite", "room": room, "users": users.to_vec()});
    limited(&lines[1].ask(invite(&names[5..9])).await);
    // Those who are members already cost nothing.
    let added = lines[1].ask(invite(&names[3..6])).await;
    assert_eq!(added["ok"]["added"], json!([names[5]]), "{added}");
    let added = lines[0].ask(invite(&names[6..8])).await;
    assert_eq!(added["ok"]["added"].as_array().map(Vec::len), Some(2), "{added}");
    for line in &mut lines {
        limited(&line.ask(invite(&names[9..])).await);
    }
}

/// Makes a group with somebody in it, and says something there; its id.
async fn talk(line: &mut Line, with: &Person, words: usize) -> Value {
    let create = json!({"type": "create_room", "name": "x", "members": [with.user]});
    let made = line.ask(create).await;
    let room = made["ok"]["room"].clone();
    assert!(room.is_string(), "{made}");
    for number in 0..words {
        say(line, &room, &number.to_string()).await;
    }
    room
}

async fn say(line: &mut Line, room: &Value, id: &str) {
    let send = json!({"type": "send", "room": room, "client_id": id, "body": {"text": id}});
    let answer = line.ask(send).await;
    assert!(answer["ok"]["seq"].is_u64(), "{answer}");
}

/// Waits for a message with this text.
async fn hears(line: &mut Line, text: &str) {
    while line.event("message").await["body"]["text"] != text {}
}

async fn the_most_active_rooms_are_followed_and_the_client_knows_which(house: &House) {
    let [mia, ned, oz] =
        [house.register("mia").await, house.register("ned").await, house.register("oz").await];
    let mut neds = house.line(0, &ned).await;
    let mut old = Vec::new();
    for _ in 0..3 {
        old.push(talk(&mut neds, &mia, 1).await);
    }
    let mut mias = house.line(1, &mia).await;
    // A stranger makes rooms. The first one takes the place of the least active room, and each of the
    // others that of the one before: nothing was said there.
    let mut ozs = house.line(0, &oz).await;
    let mut given_up = Vec::new();
    let mut new = Vec::new();
    for _ in 0..3 {
        new.push(talk(&mut ozs, &mia, 0).await);
        given_up.push(mias.event("unfollowed").await["room"].clone());
    }
    assert_eq!(given_up, [&old[0], &new[0], &new[1]].map(Clone::clone));
    say(&mut neds, &old[0], "unheard").await;
    for room in &old[1..] {
        say(&mut neds, room, "heard").await;
        hears(&mut mias, "heard").await;
    }
    // Its history brings a room back, and gives up the least active one.
    let page = mias.ask_hearing(json!({"type": "history", "room": old[0]})).await;
    let texts: Vec<&Value> = page.0["ok"]["messages"].as_array().expect("a page").iter().collect();
    assert!(texts.iter().any(|message| message["body"]["text"] == "unheard"), "{texts:?}");
    let unfollowed = match page.1.into_iter().find(|event| event["type"] == "unfollowed") {
        Some(event) => event,
        None => mias.event("unfollowed").await,
    };
    assert_eq!(unfollowed["room"], new[2]);
    for room in &old {
        say(&mut neds, room, "again").await;
        hears(&mut mias, "again").await;
    }
    // A connection begins with the most active rooms, and knows that there are more.
    let mut line = Line::open(&format!("ws://{}", house.gateway(0))).await;
    let welcome = line.ask(json!({"type": "hello", "token": mia.access})).await["ok"].clone();
    let rooms = welcome["rooms"].as_array().expect("a list");
    let followed: Vec<&Value> = rooms.iter().map(|room| &room["room"]).collect();
    assert_eq!(followed, [&old[2], &old[1], &old[0]]);
    assert_eq!(welcome["rooms_total"], 6);
}

/// A socket says itself which rooms it hears, so none of them is given up.
async fn a_socket_keeps_the_rooms_it_entered(house: &House) {
    let [pam, quin] = [house.register("pam").await, house.register("quin").await];
    let mut quins = house.line(0, &quin).await;
    let mut chat = Sio::chat(house.gateway(1), &pam.access).await.expect("let in");
    let mut rooms = Vec::new();
    for words in [1, 0, 1, 1] {
        rooms.push(talk(&mut quins, &pam, words).await);
    }
    for room in &rooms[..3] {
        assert_eq!(chat.ask("join-room", room.clone()).await["ok"], true);
    }
    let refused = chat.ask("join-room", rooms[3].clone()).await;
    assert_eq!(refused["error"]["code"], "limit_reached", "{refused}");
    for room in &rooms[..3] {
        say(&mut quins, room, "heard").await;
        let event = chat.event("chatMessage").await;
        assert_eq!((&event[1]["room"], &event[1]["message"]), (room, &json!("heard")));
    }
}
