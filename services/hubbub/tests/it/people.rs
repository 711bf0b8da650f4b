//! People: the same scenarios in one process and in a cluster with two gateways.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::people_house::{House, Person};

const GET: Method = Method::GET;
const PUT: Method = Method::PUT;
const POST: Method = Method::POST;
const DELETE: Method = Method::DELETE;

/// Each scenario on each kind of house.
macro_rules! everywhere {
    ($($scenario:ident,)+) => {
        mod in_one_process {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                let house = super::House::alone(&[]).await;
                super::$scenario(&house).await;
                house.stop().await;
            })+
        }

        mod in_a_cluster {
            #[tokio::test(flavor = "multi_thread")]
            async fn all_scenarios() {
                let house = super::House::cluster(&[]).await;
                $(super::$scenario(&house).await;)+
                house.stop().await;
            }
        }
    };
}

everywhere! {
    a_newcomer_registers_talks_and_comes_back,
    guests_come_and_have_names,
    a_stolen_refresh_token_ends_the_login,
    another_password_ends_all_other_logins,
    contacts_are_asked_for_and_told_live,
    a_block_stops_direct_messages_until_it_is_lifted,
    a_block_hides_who_is_online_from_both,
    keys_are_published,
}

async fn a_newcomer_registers_talks_and_comes_back(house: &House) {
    let ada = house.register("Ada").await;
    assert_eq!(ada.user, "ada");
    let ben = house.register("ben").await;
    let me = house.done(&ada, (GET, "/v1/me"), Value::Null).await;
    assert_eq!(
        (&me["user"], &me["display_name"], &me["kind"]),
        (&json!("ada"), &json!("Ada"), &json!("account"))
    );
    let change = json!({"display_name": "Ada L.", "colour": "#AA00ff"});
    let me = house.done(&ada, (Method::PATCH, "/v1/me"), change).await;
    assert_eq!((&me["display_name"], &me["colour"]), (&json!("Ada L."), &json!("#aa00ff")));
    let found = house.done(&ben, (GET, "/v1/users?prefix=AD"), Value::Null).await;
    assert_eq!(found["users"][0]["user"], "ada", "{found}");
    let one = house.done(&ben, (GET, "/v1/users/ada"), Value::Null).await;
    assert_eq!(one["display_name"], "Ada L.");

    let mut adas = house.line(0, &ada).await;
    let mut bens = house.line(1, &ben).await;
    let opened = adas.ask(json!({"type": "open_direct", "peer": "ben"})).await;
    let room = opened["ok"]["room"].as_str().expect("a room").to_owned();
    bens.event("joined").await;
    let send = json!({"type": "send", "room": room, "client_id": "1", "body": {"text": "hello"}});
    assert_eq!(adas.ask(send).await["ok"]["seq"], 1);
    assert_eq!(bens.event("message").await["sender"], "ada");

    // Another login, and a renewal whose token keeps the connection alive.
    let again = house.login(1, "ADA").await;
    assert_eq!(again.user, "ada");
    let (status, renewed) = house.refresh(0, &ada.refresh).await;
    assert_eq!(status, 200, "{renewed}");
    let renewed = Person::of(&renewed);
    let expiry = adas.ask(json!({"type": "refresh", "token": renewed.access})).await;
    assert!(expiry["ok"]["expires_at"].is_string(), "{expiry}");

    // Logging out ends this login on every gateway, and no other.
    let mut again_line = house.line(0, &again).await;
    let (status, _) =
        house.ask(1, (POST, "/v1/auth/logout"), Some(&renewed.access), Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(adas.closed().await.0, 4503);
    assert_eq!(house.refresh(1, &renewed.refresh).await.0, 401);
    assert_eq!(again_line.ask(json!({"type": "me"})).await["ok"]["user"], "ada");
    assert_eq!(house.turned_away(1, &renewed.access).await, 4503);
    again_line.say(&json!({"id": "last", "type": "logout"}).to_string()).await;
    assert_eq!(again_line.closed().await.0, 4503);
}

async fn guests_come_and_have_names(house: &House) {
    let guest = async |body: Value| house.ask(0, (POST, "/v1/auth/guest"), None, body).await;
    let (status, random) = guest(json!({})).await;
    assert_eq!(status, 200, "{random}");
    let name = random["user"]["name"].as_str().expect("a name");
    assert_eq!(random["user"]["kind"], "guest");
    assert!(random["user"]["expires_at"].is_string() && name.contains('-'), "{random}");
    let (status, chosen) = guest(json!({"nickname": "Zelda"})).await;
    assert_eq!((status, &chosen["user"]["display_name"]), (200, &json!("Zelda")));
    for nickname in ["zelda", "ZELDA", "ze1da", "system", "guest-me"] {
        let (status, refusal) = guest(json!({ "nickname": nickname })).await;
        assert_eq!((status, &refusal["error"]["code"]), (409, &json!("conflict")), "{nickname}");
    }
    let zelda = Person::of(&chosen);
    assert!(zelda.user.starts_with("guest-"));
    let mut line = house.line(1, &zelda).await;
    assert_eq!(line.ask(json!({"type": "me"})).await["ok"]["name"], "zelda");
    let password = json!({"old_password": "", "new_password": "correct horse"});
    assert_eq!(house.refused(&zelda, (PUT, "/v1/auth/password"), password).await, "forbidden");
}

async fn a_stolen_refresh_token_ends_the_login(house: &House) {
    let victim = house.register("victim").await;
    let (_, renewed) = house.refresh(0, &victim.refresh).await;
    let renewed = Person::of(&renewed);
    let mut line = house.line(1, &renewed).await;
    let other = house.login(0, "victim").await;
    // The grace of a lost answer has to pass: that is what is tested.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let (status, refusal) = house.refresh(1, &victim.refresh).await;
    assert_eq!((status, &refusal["error"]["code"]), (401, &json!("unauthenticated")));
    assert_eq!(line.closed().await.0, 4503, "the login of the stolen token has ended");
    assert_eq!(house.refresh(0, &renewed.refresh).await.0, 401);
    assert_eq!(house.refresh(0, &other.refresh).await.0, 200, "the other login lives on");
    for wrong in ["", "x", &"A".repeat(43), &"A".repeat(100_000)] {
        let (status, refusal) = house.refresh(0, wrong).await;
        assert!(matches!(status, 401 | 413), "{refusal}");
    }
}

async fn another_password_ends_all_other_logins(house: &House) {
    let one = house.register("pat").await;
    let two = house.login(0, "pat").await;
    let mut lines = [house.line(0, &one).await, house.line(1, &two).await];
    let path = "/v1/auth/password";
    let wrong = json!({"old_password": "wrong horse", "new_password": "battery staple"});
    assert_eq!(house.refused(&one, (PUT, path), wrong).await, "forbidden");
    let short = json!({"old_password": "correct horse", "new_password": "short"});
    assert_eq!(house.refused(&one, (PUT, path), short).await, "bad_request");
    let right = json!({"old_password": "correct horse", "new_password": "battery staple"});
    let new = Person::of(&house.done(&one, (PUT, path), right).await);
    for line in &mut lines {
        assert_eq!(line.closed().await.0, 4503);
    }
    for old in [&one, &two] {
        assert_eq!(house.refresh(0, &old.refresh).await.0, 401);
        assert_eq!(house.turned_away(1, &old.access).await, 4503);
    }
    house.line(1, &new).await;
    let login = async |password: &str| {
        let body = json!({"name": "pat", "password": password});
        house.ask(0, (POST, "/v1/auth/login"), None, body).await.0
    };
    assert_eq!(login("correct horse").await, 401);
    assert_eq!(login("battery staple").await, 200);
}

async fn contacts_are_asked_for_and_told_live(house: &House) {
    let (kim, lee) = (house.register("kim").await, house.register("lee").await);
    let (mut kims, mut lees) = (house.line(0, &kim).await, house.line(1, &lee).await);
    let mut other = house.line(1, &kim).await;
    let asked = kims.ask(json!({"type": "request_contact", "user": "lee"})).await;
    assert_eq!(asked["ok"]["state"], "outgoing", "{asked}");
    let told = lees.event("contact").await;
    assert_eq!((&told["user"], &told["state"]), (&json!("kim"), &json!("incoming")));
    let incoming = house.done(&lee, (GET, "/v1/contacts?state=incoming"), Value::Null).await;
    assert_eq!(incoming["contacts"][0]["user"], "kim", "{incoming}");
    house.done(&lee, (POST, "/v1/contacts/kim/accept"), Value::Null).await;
    assert_eq!(other.event("contact").await["state"], "outgoing", "one's own devices too");
    assert_eq!(other.event("contact").await["state"], "contact");
    house.done(&kim, (DELETE, "/v1/contacts/lee"), Value::Null).await;
    assert_eq!(lees.event("contact").await["state"], "contact");
    assert_eq!(lees.event("contact").await["state"], "none");
    let none = house.done(&lee, (GET, "/v1/contacts"), Value::Null).await;
    assert_eq!(none["contacts"], json!([]));
    for (person, request, code) in [
        (&kim, (PUT, "/v1/contacts/kim"), "bad_request"),
        (&kim, (PUT, "/v1/contacts/nobody-here"), "not_found"),
        (&kim, (POST, "/v1/contacts/lee/accept"), "not_found"),
        (&kim, (POST, "/v1/contacts/lee/decline"), "not_found"),
        (&kim, (PUT, "/v1/blocks/kim"), "bad_request"),
        (&kim, (PUT, "/v1/blocks/nobody-here"), "not_found"),
        (&kim, (GET, "/v1/contacts?state=friend"), "bad_request"),
        (&kim, (GET, "/v1/contacts?cursor=x"), "bad_request"),
        (&kim, (GET, "/v1/users?prefix="), "bad_request"),
        (&kim, (GET, "/v1/users/nobody-here"), "not_found"),
    ] {
        let path = request.1.to_owned();
        assert_eq!(house.refused(person, request, Value::Null).await, code, "{path}");
    }
}

async fn a_block_hides_who_is_online_from_both(house: &House) {
    let (gil, hal) = (house.register("gil").await, house.register("hal").await);
    let mut gils = house.line(0, &gil).await;
    let mut hals = house.line(1, &hal).await;
    for line in [&mut gils, &mut hals] {
        let show = json!({"type": "update_me", "presence_to": "everyone"});
        assert!(line.ask(show).await["ok"].is_object());
    }
    let create = json!({"type": "create_room", "name": "tea", "members": ["hal"]});
    assert!(gils.ask(create).await["ok"]["room"].is_string());
    let state = |answer: &Value| answer["ok"]["users"][0]["state"].clone();
    let watch = |user: &str| json!({"type": "watch", "users": [user]});
    assert_eq!(state(&gils.ask(watch("hal")).await), "online");
    assert_eq!(state(&hals.ask(watch("gil")).await), "online");

    // Both are told, long before it is asked again who shares a room.
    let block = json!({"type": "block", "user": "gil"});
    let (answer, before) = hals.ask_hearing(block).await;
    assert!(answer["ok"].is_object(), "{answer}");
    let told = match before.into_iter().find(|event| event["type"] == "presence") {
        Some(told) => told,
        None => hals.event("presence").await,
    };
    assert_eq!((&told["user"], &told["state"]), (&json!("gil"), &json!("unknown")));
    let told = gils.event("presence").await;
    assert_eq!((&told["user"], &told["state"]), (&json!("hal"), &json!("unknown")));
    assert_eq!(state(&gils.ask(watch("hal")).await), "unknown", "asked anew");
    assert_eq!(state(&hals.ask(watch("gil")).await), "unknown", "asked anew");
    let asked = house.done(&gil, (POST, "/v1/presence"), json!({"users": ["hal"]})).await;
    assert_eq!(asked["users"][0], json!({"user": "hal", "state": "unknown", "version": 0}));
    // Coming and going is not told either: what comes next is what comes after the block.
    drop(hals);
    let mut hals = house.line(0, &hal).await;
    assert!(hals.ask(json!({"type": "unblock", "user": "gil"})).await["ok"].is_object());
    let told = gils.event("presence").await;
    assert_eq!((&told["user"], &told["state"]), (&json!("hal"), &json!("online")));
    assert_eq!(state(&hals.ask(watch("gil")).await), "online");
}

async fn a_block_stops_direct_messages_until_it_is_lifted(house: &House) {
    let (mia, noa) = (house.register("mia").await, house.register("noa").await);
    let (mut mias, mut noas) = (house.line(0, &mia).await, house.line(1, &noa).await);
    let opened = mias.ask(json!({"type": "open_direct", "peer": "noa"})).await;
    let room = opened["ok"]["room"].as_str().expect("a room").to_owned();
    let send =
        |id: &str| json!({"type": "send", "room": room, "client_id": id, "body": {"text": "hi"}});
    noas.event("joined").await;
    assert_eq!(noas.ask(send("1")).await["ok"]["seq"], 1);
    house.done(&mia, (PUT, "/v1/blocks/noa"), Value::Null).await;
    // What was answered holds everywhere: neither writes to the other any more.
    for line in [&mut noas, &mut mias] {
        let refused = line.ask(send("2")).await;
        assert_eq!(refused["error"]["code"], "forbidden", "{refused}");
    }
    let peer = json!({"peer": "mia"});
    assert_eq!(house.refused(&noa, (POST, "/v1/rooms/direct"), peer).await, "forbidden");
    assert_eq!(house.refused(&noa, (PUT, "/v1/contacts/mia"), Value::Null).await, "forbidden");
    assert_eq!(house.refused(&mia, (PUT, "/v1/contacts/noa"), Value::Null).await, "conflict");
    let blocks = house.done(&mia, (GET, "/v1/blocks"), Value::Null).await;
    assert_eq!(blocks["users"][0]["user"], "noa");
    let messages = format!("/v1/rooms/{room}/messages");
    let body = json!({"client_id": "3", "body": {"text": "hi"}});
    assert_eq!(house.refused(&noa, (POST, &messages), body).await, "forbidden");
    // What was said stays.
    let page = house.done(&noa, (GET, &messages), Value::Null).await;
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(1));
    house.done(&mia, (DELETE, "/v1/blocks/noa"), Value::Null).await;
    assert_eq!(noas.ask(send("4")).await["ok"]["seq"], 2);
}

async fn keys_are_published(house: &House) {
    let (status, keys) = house.ask(0, (GET, "/.well-known/jwks.json"), None, Value::Null).await;
    assert_eq!(status, 200);
    let key = &keys["keys"][0];
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"]),
        (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA"))
    );
    assert!(key["d"].is_null(), "no private half");
    let (_, others) = house.ask(1, (GET, "/.well-known/jwks.json"), None, Value::Null).await;
    assert_eq!(keys, others, "one ring for all");
}
