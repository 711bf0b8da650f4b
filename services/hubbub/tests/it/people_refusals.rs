//! Bad input about people: each refusal is the documented one, and says no more than it should.

use reqwest::Method;
use serde_json::{Value, json};

use crate::people_house::House;

const POST: Method = Method::POST;

#[tokio::test(flavor = "multi_thread")]
async fn names_and_passwords_that_are_not_taken() {
    let house = House::alone(&[]).await;
    house.register("alice").await;
    let long = "x".repeat(33);
    for (name, password, status, code) in [
        ("", "correct horse", 400, "bad_request"),
        (long.as_str(), "correct horse", 400, "bad_request"),
        ("al\u{0}ice", "correct horse", 400, "bad_request"),
        ("al\u{202e}ice", "correct horse", 400, "bad_request"),
        ("аlice", "correct horse", 400, "bad_request"),
        ("alice", "correct horse", 409, "conflict"),
        ("ALICE", "correct horse", 409, "conflict"),
        ("ａlice", "correct horse", 409, "conflict"),
        ("a1ice", "correct horse", 409, "conflict"),
        ("System", "correct horse", 409, "conflict"),
        ("admin", "correct horse", 409, "conflict"),
        ("guest-7", "correct horse", 409, "conflict"),
        ("bob", "1234567", 400, "bad_request"),
        ("bob", "", 400, "bad_request"),
        ("bob", &"x".repeat(257), 400, "bad_request"),
    ] {
        let body = json!({"name": name, "password": password});
        let (got, answer) = house.ask(0, (POST, "/v1/auth/register"), None, body).await;
        assert_eq!((got, &answer["error"]["code"]), (status, &json!(code)), "{name:?} {answer}");
        assert!(
            password.is_empty() || !answer.to_string().contains(password),
            "a password is not repeated"
        );
    }
    // A wrong password, nobody of that name, a guest, and what is no name at all: one answer.
    let (_, guest) = house.ask(0, (POST, "/v1/auth/guest"), None, json!({})).await;
    let guest = guest["user"]["user"].as_str().expect("a user").to_owned();
    let mut answers = Vec::new();
    for (name, password) in [
        ("alice", "wrong horse"),
        ("nobody", "wrong horse"),
        (guest.as_str(), ""),
        ("\u{0}", "wrong horse"),
        (&"x".repeat(10_000), "wrong horse"),
        ("alice", &"x".repeat(10_000)),
    ] {
        let body = json!({"name": name, "password": password});
        let (status, answer) = house.ask(0, (POST, "/v1/auth/login"), None, body).await;
        assert_eq!(status, 401, "{answer}");
        answers.push(answer);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_tries_too_often_has_to_wait() {
    let house = House::alone(&[
        ("HUBBUB_IDENTITY__ATTEMPTS__NAME_BURST", "3"),
        ("HUBBUB_IDENTITY__ATTEMPTS__NAME_EVERY", "1h"),
        ("HUBBUB_IDENTITY__ATTEMPTS__NEW_BURST", "2"),
        ("HUBBUB_IDENTITY__ATTEMPTS__NEW_EVERY", "1h"),
    ])
    .await;
    house.register("alice").await;
    house.register("bob").await;
    let newcomer = json!({"name": "carol", "password": "correct horse"});
    let (status, refusal) = house.ask(0, (POST, "/v1/auth/register"), None, newcomer).await;
    assert_eq!((status, &refusal["error"]["code"]), (429, &json!("rate_limited")));
    let login = async |name: &str, password: &str| {
        let body = json!({"name": name, "password": password});
        house.ask(0, (POST, "/v1/auth/login"), None, body).await
    };
    for _ in 0..2 {
        assert_eq!(login("alice", "wrong horse").await.0, 401);
    }
    assert_eq!(login("alice", "correct horse").await.0, 200, "which clears one's own mistakes");
    for _ in 0..3 {
        assert_eq!(login("Alice", "wrong horse").await.0, 401);
    }
    let (status, refusal) = login("ALICE", "correct horse").await;
    assert_eq!(status, 429, "{refusal}");
    assert!(refusal["error"]["retry_after_ms"].as_u64().is_some_and(|ms| ms > 1_000), "{refusal}");
    assert_eq!(login("bob", "correct horse").await.0, 200, "the limit is a name's own");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_another_issuer_keeps_the_accounts() {
    let house = House::alone(&[("HUBBUB_IDENTITY__ACCOUNTS", "external")]).await;
    for (path, body) in [
        ("/v1/auth/register", json!({"name": "alice", "password": "correct horse"})),
        ("/v1/auth/login", json!({"name": "alice", "password": "correct horse"})),
        ("/v1/auth/guest", json!({})),
        ("/v1/auth/refresh", json!({"refresh_token": "A".repeat(43)})),
    ] {
        let (status, refusal) = house.ask(0, (POST, path), None, body).await;
        assert_eq!((status, &refusal["error"]["code"]), (403, &json!("forbidden")), "{path}");
    }
    // Who comes with the issuer's token is there from then on.
    let token = house.alone.as_ref().expect("alone").token("auth0|17").await;
    let (status, me) = house.ask(0, (Method::GET, "/v1/me"), Some(&token), Value::Null).await;
    assert_eq!((status, &me["kind"], &me["user"]), (200, &json!("external"), &json!("auth0|17")));
    let everywhere = (POST, "/v1/auth/logout_everywhere");
    let (status, _) = house.ask(0, everywhere, Some(&token), Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(house.turned_away(0, &token).await, 4503, "older tokens hold no more");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_a_token_made_known_is_nobody_elses() {
    let house = House::alone(&[]).await;
    let token = house.alone.as_ref().expect("alone").token("alice").await;
    let (status, _) = house.ask(0, (Method::GET, "/v1/me"), Some(&token), Value::Null).await;
    assert_eq!(status, 200);
    let body = json!({"name": "Alice", "password": "correct horse"});
    let (status, refusal) = house.ask(0, (POST, "/v1/auth/register"), None, body).await;
    assert_eq!((status, &refusal["error"]["code"]), (409, &json!("conflict")), "{refusal}");
    house.stop().await;
}
