//! Who may add whom to rooms, and who sees that somebody is online: at every door, in one process on
//! SQLite and in a cluster on Postgres.

use std::time::Duration;

use hubbub_testkit::eventually;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    people_house::{House, Person, in_both_houses},
    sio::Sio,
};

const GET: Method = Method::GET;
const PUT: Method = Method::PUT;
const POST: Method = Method::POST;
const PATCH: Method = Method::PATCH;

in_both_houses! {
    [
        ("HUBBUB_GATEWAY__PRESENCE__ACQUAINTANCE_INTERVAL", "1s"),
        ("HUBBUB_GATEWAY__PRESENCE__LOOK_INTERVAL", "1s"),
    ],
    settings_are_ones_own,
    a_user_decides_who_may_add_them,
    a_block_keeps_both_from_adding_each_other,
    a_guest_adds_no_strangers,
    a_user_who_left_is_not_dragged_back,
    a_request_is_declined_for_good,
    presence_is_for_contacts_and_people_one_has_written_to,
}

async fn set(house: &House, person: &Person, settings: Value) {
    house.done(person, (PATCH, "/v1/me"), settings).await;
}

async fn befriend(house: &House, one: &Person, other: &Person) {
    house.done(one, (PUT, &format!("/v1/contacts/{}", other.user)), Value::Null).await;
    let accept = format!("/v1/contacts/{}/accept", one.user);
    house.done(other, (POST, &accept), Value::Null).await;
}

/// Makes a group; its id.
async fn group(house: &House, owner: &Person, members: &[&str]) -> String {
    let wish = json!({"name": "tea", "members": members});
    let room = house.done(owner, (POST, "/v1/rooms"), wish).await;
    assert!(room["refused"].is_null(), "{room}");
    room["room"].as_str().expect("an id").to_owned()
}

/// What inviting one user comes to: `added`, or the code of the refusal.
async fn invited(house: &House, by: &Person, room: &str, user: &Person) -> String {
    let path = format!("/v1/rooms/{room}/members");
    let body = json!({"users": [user.user]});
    let (status, answer) = house.ask(1, (POST, &path), Some(&by.access), body).await;
    match status {
        200 if answer["added"] == json!([user.user]) => "added".to_owned(),
        _ => answer["error"]["code"].as_str().unwrap_or("nothing").to_owned(),
    }
}

async fn leave(house: &House, person: &Person, room: &str, how: &str) {
    house.done(person, (POST, &format!("/v1/rooms/{room}/leave{how}")), Value::Null).await;
}

async fn settings_are_ones_own(house: &House) {
    let [amy, ann] = [house.register("amy").await, house.register("ann").await];
    let me = house.done(&amy, (GET, "/v1/me"), Value::Null).await;
    assert_eq!((&me["groups_from"], &me["presence_to"]), (&json!("everyone"), &json!("contacts")));
    let mut line = house.line(1, &amy).await;
    let change = json!({"type": "update_me", "groups_from": "nobody", "presence_to": "everyone"});
    let me = line.ask(change).await["ok"].clone();
    assert_eq!((&me["groups_from"], &me["presence_to"]), (&json!("nobody"), &json!("everyone")));
    let me = house.done(&amy, (PATCH, "/v1/me"), json!({"groups_from": "contacts"})).await;
    assert_eq!((&me["groups_from"], &me["presence_to"]), (&json!("contacts"), &json!("everyone")));
    assert_eq!(line.ask(json!({"type": "me"})).await["ok"], me);
    let wrong = json!({"presence_to": "friends"});
    assert_eq!(house.refused(&amy, (PATCH, "/v1/me"), wrong).await, "bad_request");
    let seen = house.done(&ann, (GET, "/v1/users/amy"), Value::Null).await;
    assert!(seen["groups_from"].is_null() && seen["presence_to"].is_null(), "{seen}");
}

async fn a_user_decides_who_may_add_them(house: &House) {
    let bea = house.register("bea").await;
    let [bob, bud, boo] =
        [house.register("bob").await, house.register("bud").await, house.register("boo").await];
    set(house, &bud, json!({"groups_from": "contacts"})).await;
    set(house, &boo, json!({"groups_from": "nobody"})).await;
    let mut line = house.line(1, &bea).await;
    let create = |members: Value| json!({"type": "create_room", "name": "tea", "members": members});
    let made = line.ask(create(json!(["bob", "bud", "boo"]))).await["ok"].clone();
    assert_eq!((&made["member_count"], &made["refused"]), (&json!(2), &json!(["boo", "bud"])));
    let answer = line.ask(create(json!(["bud", "boo"]))).await;
    assert_eq!(answer["error"]["code"], "forbidden", "{answer}");
    let room = made["room"].as_str().expect("an id");
    let invite = json!({"type": "invite", "room": room, "users": ["boo"]});
    assert_eq!(line.ask(invite).await["error"]["code"], "forbidden");
    assert_eq!(invited(house, &bea, room, &bud).await, "forbidden");

    befriend(house, &bea, &bud).await;
    befriend(house, &boo, &bea).await;
    let invite = json!({"type": "invite", "room": room, "users": ["boo", "bud"]});
    let answer = line.ask(invite).await["ok"].clone();
    assert_eq!(answer, json!({"added": ["bud"], "refused": ["boo"]}));
    // A member is left alone, whatever they decided since.
    set(house, &bob, json!({"groups_from": "nobody"})).await;
    let invite = json!({"type": "invite", "room": room, "users": ["bob"]});
    assert_eq!(line.ask(invite).await["ok"], json!({"added": []}));
    let chats = house.done(&boo, (GET, "/v1/chats"), Value::Null).await;
    assert_eq!(chats["chats"], json!([]));
    // Everybody is still written to, and joins public rooms by themselves.
    let public = json!({"name": "plaza", "kind": "public"});
    let public = house.done(&bea, (POST, "/v1/rooms"), public).await["room"].clone();
    let path = format!("/v1/rooms/{}/join", public.as_str().expect("an id"));
    house.done(&boo, (POST, &path), Value::Null).await;
    house.done(&bea, (POST, "/v1/rooms/direct"), json!({"peer": "boo"})).await;
}

async fn a_block_keeps_both_from_adding_each_other(house: &House) {
    let [cat, coy, cub] =
        [house.register("cat").await, house.register("coy").await, house.register("cub").await];
    house.done(&cat, (PUT, "/v1/blocks/coy"), Value::Null).await;
    for (by, of) in [(&coy, &cat), (&cat, &coy)] {
        let wish = json!({"name": "trap", "members": [of.user]});
        assert_eq!(house.refused(by, (POST, "/v1/rooms"), wish).await, "forbidden");
        let wish = json!({"name": "trap", "members": [of.user, "cub"]});
        let made = house.done(by, (POST, "/v1/rooms"), wish).await;
        assert_eq!(made["refused"], json!([of.user]));
        let room = made["room"].as_str().expect("an id");
        assert_eq!(invited(house, by, room, of).await, "forbidden");
    }
    // A third person's room is theirs: both are in it, until one of them leaves for good.
    let room = group(house, &cub, &["cat", "coy"]).await;
    leave(house, &cat, &room, "?for_good=true").await;
    assert_eq!(invited(house, &cub, &room, &cat).await, "forbidden");
    let chats = house.done(&cat, (GET, "/v1/chats"), Value::Null).await;
    let peers = chats["chats"].as_array().expect("a list").len();
    assert_eq!(peers, 1, "of her own making alone: {chats}");
}

async fn a_guest_adds_no_strangers(house: &House) {
    let dot = house.register("dot").await;
    let (status, grant) = house.ask(0, (POST, "/v1/auth/guest"), None, json!({})).await;
    assert_eq!(status, 200, "{grant}");
    let guest = Person::of(&grant);
    let wish = json!({"name": "trap", "members": ["dot"]});
    assert_eq!(house.refused(&guest, (POST, "/v1/rooms"), wish).await, "forbidden");
    let room = group(house, &guest, &[]).await;
    assert_eq!(invited(house, &guest, &room, &dot).await, "forbidden");
    befriend(house, &guest, &dot).await;
    assert_eq!(invited(house, &guest, &room, &dot).await, "added");
}

async fn a_user_who_left_is_not_dragged_back(house: &House) {
    let [eve, edo] = [house.register("eve").await, house.register("edo").await];
    let room = group(house, &eve, &["edo"]).await;
    leave(house, &edo, &room, "").await;
    assert_eq!(invited(house, &eve, &room, &edo).await, "forbidden");
    befriend(house, &eve, &edo).await;
    assert_eq!(invited(house, &eve, &room, &edo).await, "added");
    let mut line = house.line(1, &edo).await;
    let leaving = json!({"type": "leave", "room": room, "for_good": true});
    assert_eq!(line.ask(leaving).await["ok"], json!({}));
    assert_eq!(invited(house, &eve, &room, &edo).await, "forbidden", "contacts neither");
    // It is decided anew by the one who left, and by nobody else.
    leave(house, &eve, &group(house, &edo, &[]).await, "?for_good=false").await;
    assert_eq!(invited(house, &eve, &room, &edo).await, "forbidden");
    leave(house, &edo, &room, "?for_good=false").await;
    assert_eq!(invited(house, &eve, &room, &edo).await, "added");
    // Being removed is not leaving.
    let other = group(house, &eve, &["edo"]).await;
    let path = format!("/v1/rooms/{other}/members/edo");
    house.done(&eve, (Method::DELETE, &path), Value::Null).await;
    assert_eq!(invited(house, &eve, &other, &edo).await, "added");
}

async fn a_request_is_declined_for_good(house: &House) {
    let [fay, fin] = [house.register("fay").await, house.register("fin").await];
    let ask = |of: &Person| format!("/v1/contacts/{}", of.user);
    house.done(&fin, (PUT, &ask(&fay)), Value::Null).await;
    house.done(&fay, (POST, "/v1/contacts/fin/decline"), Value::Null).await;
    house.done(&fin, (PUT, &ask(&fay)), Value::Null).await;
    let mut line = house.line(0, &fay).await;
    let decline = json!({"type": "decline_contact", "user": "fin", "for_good": true});
    assert_eq!(line.ask(decline).await["ok"], json!({}));
    assert_eq!(house.refused(&fin, (PUT, &ask(&fay)), Value::Null).await, "forbidden");
    house.done(&fay, (PUT, &ask(&fin)), Value::Null).await;
    house.done(&fin, (POST, "/v1/contacts/fay/accept"), Value::Null).await;
}

/// How a user looks to another, asked anew.
async fn seen(house: &House, by: &Person, of: &Person) -> String {
    let asked = json!({"users": [of.user]});
    let answer = house.done(by, (POST, "/v1/presence"), asked).await;
    answer["users"][0]["state"].as_str().expect("a state").to_owned()
}

async fn presence_is_for_contacts_and_people_one_has_written_to(house: &House) {
    let [gus, gil, gem] =
        [house.register("gus").await, house.register("gil").await, house.register("gem").await];
    let _gus = house.line(0, &gus).await;
    // A stranger makes them share rooms, and sees nothing by it.
    group(house, &gil, &["gus", "gem"]).await;
    let direct = house.done(&gil, (POST, "/v1/rooms/direct"), json!({"peer": "gus"})).await;
    let messages = format!("/v1/rooms/{}/messages", direct["room"].as_str().expect("an id"));
    let say = |id: &str| json!({"client_id": id, "body": {"text": "hi"}});
    house.done(&gil, (POST, &messages), say("1")).await;
    assert_eq!(seen(house, &gil, &gus).await, "unknown");
    let mut gils = house.line(1, &gil).await;
    let watch = json!({"type": "watch", "users": ["gus"]});
    let state = gils.ask(watch.clone()).await["ok"]["users"][0]["state"].clone();
    assert_eq!(state, "unknown");
    let mut chat = Sio::chat(house.gateway(1), &gil.access).await.expect("let in");
    let watched = chat.ask("watch", json!({"users": ["gus"]})).await;
    assert_eq!(watched["users"][0]["state"], "unknown", "{watched}");
    // He writes back, and is seen by the one he wrote to.
    house.done(&gus, (POST, &messages), say("1")).await;
    assert_eq!(seen(house, &gil, &gus).await, "online");
    let event = gils.event("presence").await;
    assert_eq!((&event["user"], &event["state"]), (&json!("gus"), &json!("online")));
    assert_eq!(chat.event("presence").await[1]["state"], "online");
    // Gil has written too, so it goes both ways; gem is still a stranger.
    assert_eq!(seen(house, &gus, &gil).await, "online");
    assert_eq!(seen(house, &gem, &gus).await, "unknown");
    befriend(house, &gem, &gus).await;
    assert_eq!(seen(house, &gem, &gus).await, "online");
    // He can choose otherwise, either way.
    set(house, &gus, json!({"presence_to": "nobody"})).await;
    for person in [&gil, &gem] {
        assert_eq!(seen(house, person, &gus).await, "unknown");
    }
    while gils.event("presence").await["state"] != "unknown" {}
    let gem_meets = house.register("gwen").await;
    set(house, &gus, json!({"presence_to": "everyone"})).await;
    assert_eq!(seen(house, &gem_meets, &gus).await, "unknown", "they share no room");
    group(house, &gus, &["gwen"]).await;
    eventually(Duration::from_secs(10), async || seen(house, &gem_meets, &gus).await == "online")
        .await;
}
