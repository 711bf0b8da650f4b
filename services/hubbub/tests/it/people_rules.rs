//! What people may be called and what they may keep, at every door, in one process on SQLite and in a
//! cluster on Postgres.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    people_house::{House, in_both_houses},
    sio::Sio,
};

const POST: Method = Method::POST;
const PATCH: Method = Method::PATCH;

in_both_houses! {
    [("HUBBUB_GATEWAY__LOBBY__ENABLED", "on"), ("HUBBUB_GATEWAY__LOBBY__EVENTS_BURST", "1000")],
    display_names_keep_the_rules_of_all_names,
    rooms_have_names_that_can_be_seen_and_are_not_the_machines,
    nicknames_of_the_lobby_keep_the_rules_of_all_names,
    an_edit_may_keep_mentions_of_people_who_have_left,
}

/// Names that hide, turn the text around them, or pass for the machine.
const BAD: [&str; 9] = [
    "\u{3164}",
    "\u{2800}",
    "a\u{202e}b",
    "a\u{200b}b",
    "\u{200d}",
    "a\u{2028}b",
    "system",
    "ｓｙｓｔｅｍ",
    "S y s t e m",
];

async fn display_names_keep_the_rules_of_all_names(house: &House) {
    let ada = house.register("ada").await;
    let mut line = house.line(1, &ada).await;
    for bad in BAD.into_iter().chain(["admin", "Аdа"]) {
        let change = json!({"display_name": bad});
        let code = house.refused(&ada, (PATCH, "/v1/me"), change).await;
        assert!(matches!(code.as_str(), "bad_request" | "conflict"), "{bad:?}: {code}");
        let answer = line.ask(json!({"type": "update_me", "display_name": bad})).await;
        let code = &answer["error"]["code"];
        assert!(code == "bad_request" || code == "conflict", "{bad:?}: {answer}");
        let account = json!({"name": "newcomer", "password": "correct horse", "display_name": bad});
        let (status, answer) = house.ask(0, (POST, "/v1/auth/register"), None, account).await;
        assert!(status == 400 || status == 409, "{bad:?}: {answer}");
        let guest = json!({"nickname": bad});
        let (status, answer) = house.ask(0, (POST, "/v1/auth/guest"), None, guest).await;
        assert!(status == 400 || status == 409, "{bad:?}: {answer}");
    }
    let change = json!({"display_name": " Ａｄａ  L. 👩‍💻"});
    let me = house.done(&ada, (PATCH, "/v1/me"), change).await;
    assert_eq!(me["display_name"], "Ada  L. 👩‍💻");
}

async fn rooms_have_names_that_can_be_seen_and_are_not_the_machines(house: &House) {
    let ben = house.register("ben").await;
    let mut line = house.line(1, &ben).await;
    let room = house.done(&ben, (POST, "/v1/rooms"), json!({"name": "Support"})).await;
    let path = format!("/v1/rooms/{}", room["room"].as_str().expect("an id"));
    for bad in BAD {
        for kind in ["group", "public"] {
            let new = json!({"name": bad, "kind": kind});
            let code = house.refused(&ben, (POST, "/v1/rooms"), new).await;
            assert!(matches!(code.as_str(), "bad_request" | "conflict"), "{bad:?}: {code}");
        }
        let answer = line.ask(json!({"type": "create_room", "name": bad})).await;
        assert!(answer["error"].is_object(), "{bad:?}: {answer}");
        let code = house.refused(&ben, (PATCH, &path), json!({"name": bad})).await;
        assert!(matches!(code.as_str(), "bad_request" | "conflict"), "{bad:?}: {code}");
    }
    for bad in &BAD[..6] {
        assert_eq!(house.refused(&ben, (PATCH, &path), json!({"topic": bad})).await, "bad_request");
    }
    house.done(&ben, (PATCH, &path), json!({"topic": "first line\nsecond line 👩‍💻"})).await;
}

async fn nicknames_of_the_lobby_keep_the_rules_of_all_names(house: &House) {
    let mut one = Sio::lobby(house.gateway(0)).await;
    let mut other = Sio::lobby(house.gateway(1)).await;
    assert_eq!(one.ask("login", json!("PayPal")).await, json!({"ok": true}));
    for taken in
        ["paypa1", "ｐａｙｐａｌ", "PAYPAL", "admin", "guest-000001"].into_iter().chain(BAD)
    {
        let answer = other.ask("login", json!(taken)).await;
        let code = &answer["error"]["code"];
        assert!(code == "conflict" || code == "bad_request", "{taken:?}: {answer}");
    }
    let answer = other.ask("login", json!("Рaypal")).await;
    assert_eq!(answer["error"]["code"], "bad_request", "Cyrillic beside Latin: {answer}");
    assert_eq!(other.ask("login", json!("小明 👩‍💻")).await, json!({"ok": true}));
    let whisper = json!({"to": "ＰＡＹＰＡＬ", "message": "psst"});
    assert_eq!(other.ask("private message", whisper).await, json!({"ok": true}));
    assert_eq!(one.event("private message").await[1]["nickName"], "小明 👩‍💻");
}

async fn an_edit_may_keep_mentions_of_people_who_have_left(house: &House) {
    let [cleo, dan, eve] =
        [house.register("cleo").await, house.register("dan").await, house.register("eve").await];
    let wish = json!({"name": "travel", "members": ["dan"]});
    let room = house.done(&cleo, (POST, "/v1/rooms"), wish).await["room"].clone();
    let room = room.as_str().expect("an id");
    let messages = format!("/v1/rooms/{room}/messages");
    let body = |text: &str, mentions: &[&str]| json!({"text": text, "mentions": mentions});
    let send = json!({"client_id": "1", "body": body("ask dan", &["dan"])});
    let seq = house.done(&cleo, (POST, &messages), send).await["seq"].clone();
    house.done(&dan, (POST, &format!("/v1/rooms/{room}/leave")), Value::Null).await;

    let path = format!("{messages}/{seq}");
    let edit = json!({"body": body("ask dan again", &["dan"])});
    house.done(&cleo, (Method::PUT, &path), edit).await;
    let mut line = house.line(1, &cleo).await;
    let edit = |body: Value| json!({"type": "edit", "room": room, "seq": seq, "body": body});
    let answer = line.ask(edit(body("ask Dan, please", &["dan"]))).await;
    assert!(answer["ok"]["rev"].is_u64(), "{answer}");
    // Somebody else who is not a member is still refused, and so is a new message.
    let answer = line.ask(edit(body("ask eve", &["dan", "eve"]))).await;
    assert_eq!(answer["error"]["code"], "bad_request", "{answer}");
    assert!(answer["error"]["message"].as_str().is_some_and(|it| it.contains("eve")), "{answer}");
    let send = json!({"client_id": "2", "body": body("ask dan", &["dan"])});
    assert_eq!(house.refused(&cleo, (POST, &messages), send).await, "bad_request");
    // Others learn nothing of the message by trying.
    let theirs = json!({"body": body("mine", &["dan"])});
    assert_eq!(house.refused(&eve, (Method::PUT, &path), theirs).await, "not_found");
}
