//! No log holds what nobody is to read: tokens, passwords, the text of messages. Everything is said
//! here with a word of its own, with the most talkative logs there are, and then looked for.

use hubbub_proto::presence::v1::PushToUserRequest;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    people_house::{House, Person},
    push::{desk, push},
};

const PASSWORD: &str = "swordfish-under-the-bridge";
const OTHER_PASSWORD: &str = "marmalade-on-the-ceiling";
const TEXT: &str = "meet-me-behind-the-greenhouse";
const PUSHED: &str = "the-parcel-is-under-the-doormat";
const MISTAKEN: &str = "typed-the-password-as-a-name";

#[tokio::test(flavor = "multi_thread")]
async fn no_log_holds_a_token_a_password_or_a_message() {
    let house = House::cluster(&[("RUST_LOG", "debug,hubbub=trace,sqlx=debug,h2=info")]).await;
    let post = |path| (Method::POST, path);
    let account = json!({"name": "alice", "password": PASSWORD});
    let (status, alice) = house.ask(0, post("/v1/auth/register"), None, account.clone()).await;
    assert_eq!(status, 200, "{alice}");
    let alice = Person::of(&alice);
    house.register("bob").await;
    let mut secrets: Vec<String> =
        [PASSWORD, OTHER_PASSWORD, TEXT, PUSHED, MISTAKEN].map(str::to_owned).to_vec();
    secrets.extend([alice.access.clone(), alice.refresh.clone()]);

    // What goes well.
    let (_, again) = house.ask(1, post("/v1/auth/login"), None, account).await;
    let again = Person::of(&again);
    let (_, renewed) = house.refresh(0, &again.refresh).await;
    let renewed = Person::of(&renewed);
    let mut line = house.line(1, &renewed).await;
    let opened = line.ask(json!({"type": "open_direct", "peer": "bob"})).await;
    let room = opened["ok"]["room"].as_str().expect("a room").to_owned();
    let send = json!({"type": "send", "room": room, "client_id": "1", "body": {"text": TEXT}});
    assert_eq!(line.ask(send).await["ok"]["seq"], 1);
    line.ask(json!({"type": "edit", "room": room, "seq": 1, "body": {"text": TEXT}})).await;
    line.ask(json!({"type": "refresh", "token": renewed.access})).await;

    let cluster = house.cluster.as_ref().expect("a cluster");
    let internal = cluster.gateways[0].internal_address();
    let request = PushToUserRequest {
        user_id: "alice".to_owned(),
        push: Some(push("parcel", &json!({ "where": PUSHED }).to_string())),
    };
    desk(&internal).await.push_to_user(request).await.expect("told");
    assert_eq!(line.event("pushed").await["payload"]["where"], PUSHED);

    // And what does not.
    let in_query = format!("/v1/chats?access_token={}", renewed.access);
    house.ask(0, (Method::GET, &in_query), None, Value::Null).await;
    let cut = &renewed.access[..renewed.access.len() - 2];
    assert_eq!(house.turned_away(0, cut).await, 4501);
    for (name, password) in [(MISTAKEN, "x"), ("alice", OTHER_PASSWORD), (PASSWORD, PASSWORD)] {
        let body = json!({"name": name, "password": password});
        assert_eq!(house.ask(0, post("/v1/auth/login"), None, body).await.0, 401);
    }
    house
        .ask(0, post("/v1/auth/register"), None, json!({"name": TEXT, "password": [PASSWORD]}))
        .await;
    let path = format!("/v1/rooms/{room}/messages");
    let broken = json!({"client_id": "2", "body": TEXT});
    assert_eq!(house.ask(0, post(&path), Some(&renewed.access), broken).await.0, 400);
    house.refresh(0, &again.refresh[1..]).await;
    let passwords = json!({"old_password": PASSWORD, "new_password": OTHER_PASSWORD});
    let (_, last) =
        house.ask(0, (Method::PUT, "/v1/auth/password"), Some(&renewed.access), passwords).await;
    let last = Person::of(&last);
    for person in [&again, &renewed, &last] {
        secrets.extend([person.access.clone(), person.refresh.clone()]);
    }
    secrets.push(cut.to_owned());

    let mut lines = 0;
    for node in cluster.nodes() {
        let log = node.log().expect("a log");
        lines += log.lines().count();
        for secret in &secrets {
            let found = log.lines().find(|line| line.contains(secret.as_str()));
            assert!(found.is_none(), "{} has logged {secret}: {found:?}", node.name());
        }
    }
    assert!(lines > 100, "only {lines} lines were searched");
}
