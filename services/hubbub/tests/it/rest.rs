//! The REST twins: the same requests without a socket.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::line::Standalone;

struct Caller<'a> {
    client: Client,
    hubbub: &'a Standalone,
    token: String,
}

impl<'a> Caller<'a> {
    async fn new(hubbub: &'a Standalone, user: &str) -> Self {
        Self { client: Client::new(), hubbub, token: hubbub.token(user).await }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let url = format!("http://{}{path}", self.hubbub.address());
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let response = request.send().await.expect("answered");
        let status = response.status();
        let text = response.text().await.expect("text");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }
}

#[tokio::test]
async fn rooms_messages_and_chats_without_a_socket() {
    let hubbub = Standalone::start(&[]).await;
    let alice = Caller::new(&hubbub, "alice").await;
    let bob = Caller::new(&hubbub, "bob").await;
    hubbub.known(&["bob"]).await;
    let (status, opened) =
        alice.ask(Method::POST, "/v1/rooms/direct", json!({"peer": "bob"})).await;
    assert_eq!(status, StatusCode::OK, "{opened}");
    let room = opened["room"].as_str().expect("an id");
    let messages = format!("/v1/rooms/{room}/messages");
    let body = json!({"client_id": "1", "body": {"text": "by post"}});
    let (_, sent) = alice.ask(Method::POST, &messages, body.clone()).await;
    assert_eq!((&sent["seq"], &sent["duplicate"]), (&json!(1), &json!(false)), "{sent}");
    let (_, again) = alice.ask(Method::POST, &messages, body).await;
    assert_eq!((&again["message_id"], &again["duplicate"]), (&sent["message_id"], &json!(true)));
    let (_, page) = bob.ask(Method::GET, &format!("{messages}?limit=5"), Value::Null).await;
    assert_eq!(page["messages"][0]["body"]["text"], "by post", "{page}");
    let (_, reacted) =
        bob.ask(Method::PUT, &format!("{messages}/1/reactions/👍"), Value::Null).await;
    assert_eq!(reacted["changed"], true, "{reacted}");
    let (_, chats) = bob.ask(Method::GET, "/v1/chats", Value::Null).await;
    assert_eq!(chats["chats"][0]["unread"], 1, "{chats}");
    let (_, one) = bob.ask(Method::GET, &format!("{messages}/1"), Value::Null).await;
    assert_eq!((&one["message_id"], &one["sender"]), (&sent["message_id"], &json!("alice")));
    let (status, none) = bob.ask(Method::GET, &format!("{messages}/2"), Value::Null).await;
    assert_eq!((status.as_u16(), &none["error"]["code"]), (404, &json!("not_found")));
    let (_, now) = bob.ask(Method::GET, &format!("/v1/rooms/{room}"), Value::Null).await;
    assert_eq!((&now["room"], &now["kind"]), (&json!(room), &json!("direct")), "{now}");
    assert_eq!((&now["peer"], &now["role"]), (&json!("alice"), &json!("member")), "{now}");
    assert_eq!((&now["seq"], &now["rev"], &now["unread"]), (&json!(1), &json!(2), &json!(1)));
    let (_, read) =
        bob.ask(Method::PUT, &format!("/v1/rooms/{room}/read"), json!({"seq": 1})).await;
    assert_eq!(read["unread"], 0);
    let pin = json!({"pinned": true});
    let (status, _) = bob.ask(Method::PATCH, &format!("/v1/chats/{room}"), pin).await;
    assert_eq!(status, StatusCode::OK);
    let (_, pinned) = bob.ask(Method::GET, "/v1/chats?pinned=true", Value::Null).await;
    assert_eq!(pinned["chats"][0]["pinned"], true);

    let create = json!({"kind": "public", "name": "Square"});
    let (_, square) = alice.ask(Method::POST, "/v1/rooms", create).await;
    let square = square["room"].as_str().expect("an id");
    let (_, found) = bob.ask(Method::GET, "/v1/rooms?prefix=sq", Value::Null).await;
    assert_eq!(found["rooms"][0]["room"], square, "{found}");
    let (_, joined) = bob.ask(Method::POST, &format!("/v1/rooms/{square}/join"), Value::Null).await;
    assert_eq!(joined["member_count"], 2, "{joined}");
    let (_, members) =
        bob.ask(Method::GET, &format!("/v1/rooms/{square}/members"), Value::Null).await;
    assert_eq!(members["members"][0]["user"], "alice", "{members}");
    hubbub.serving.stop().await;
}

#[tokio::test]
async fn refusals_have_a_status_and_a_code() {
    let hubbub = Standalone::start(&[]).await;
    let alice = Caller::new(&hubbub, "alice").await;
    let mallory = Caller { client: Client::new(), hubbub: &hubbub, token: "a.b.c".into() };
    let absent = "/v1/rooms/00000000-0000-7000-8000-000000000000/messages";
    for (caller, method, path, body, status, code) in [
        (&mallory, Method::GET, "/v1/chats", Value::Null, 401, "unauthenticated"),
        (&alice, Method::GET, absent, Value::Null, 404, "not_found"),
        (&alice, Method::GET, "/v1/rooms/7/messages", Value::Null, 400, "bad_request"),
        (&alice, Method::GET, "/v1/chats?limit=0", Value::Null, 400, "bad_request"),
        (&alice, Method::GET, "/v1/chats?limit=x", Value::Null, 400, "bad_request"),
        (&alice, Method::POST, "/v1/rooms/direct", json!({"peer": "alice"}), 400, "bad_request"),
        (&alice, Method::POST, "/v1/rooms/direct", json!({"pear": "bob"}), 400, "bad_request"),
        (&alice, Method::POST, "/v1/rooms", json!("x".repeat(70_000)), 413, "too_large"),
    ] {
        let (got, answer) = caller.ask(method, path, body).await;
        assert_eq!(
            (got.as_u16(), &answer["error"]["code"]),
            (status, &json!(code)),
            "{path} {answer}"
        );
    }
    let document = format!("http://{}/v1/openapi.json", hubbub.address());
    let document: Value =
        reqwest::get(document).await.expect("answered").json().await.expect("JSON");
    assert!(document["paths"]["/v1/chats"]["get"].is_object());
    hubbub.serving.stop().await;
}

/// What the edge and the router answer by themselves has the shape of every other refusal.
#[tokio::test]
async fn what_no_route_answers_is_json_too() {
    let hubbub = Standalone::start(&[]).await;
    let alice = Caller::new(&hubbub, "alice").await;
    for (method, path, status) in [
        (Method::GET, "/v1/nothing", 404),
        (Method::POST, "/v2/rooms", 404),
        (Method::DELETE, "/v1/chats", 405),
        (Method::PUT, "/v1/openapi.json", 405),
        (Method::POST, "/v1/connect", 405),
        (Method::from_bytes(b"PURGE").expect("a method"), "/v1/rooms", 405),
    ] {
        let url = format!("http://{}{path}", hubbub.address());
        let request = alice.client.request(method.clone(), url).bearer_auth(&alice.token);
        let response = request.send().await.expect("answered");
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        assert_eq!(response.headers().contains_key("allow"), status == 405, "{method} {path}");
        assert_eq!(response.headers()["content-type"], "application/json", "{method} {path}");
        let answer: Value = response.json().await.expect("JSON");
        assert!(answer["error"]["message"].is_string(), "{answer}");
        assert_eq!(answer["error"]["retryable"], false, "{answer}");
    }
    hubbub.serving.stop().await;
}

#[tokio::test]
async fn a_401_says_how_to_prove_who_one_is() {
    let hubbub = Standalone::start(&[]).await;
    let url = |path: &str| format!("http://{}{path}", hubbub.address());
    let client = Client::new();
    let without = client.get(url("/v1/chats"));
    let forged = client.get(url("/v1/chats")).bearer_auth("a.b.c");
    let wrong = json!({"name": "nobody", "password": "not the password"}).to_string();
    let login = client.post(url("/v1/auth/login")).body(wrong);
    for (request, challenge) in
        [(without, "Bearer"), (forged, "Bearer error=\"invalid_token\""), (login, "Bearer")]
    {
        let response = request.send().await.expect("answered");
        assert_eq!(response.status().as_u16(), 401);
        assert_eq!(response.headers()["www-authenticate"], challenge);
    }
    hubbub.serving.stop().await;
}
