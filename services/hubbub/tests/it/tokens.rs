//! Tokens at every door: what is no token is refused alike over the native door, REST and Socket.IO, and
//! what was let in ends with its token.

use std::time::{Duration, Instant};

use hubbub_testkit::token_for;
use reqwest::Method;
use serde_json::Value;

use crate::{
    people_house::{House, Person},
    polling::Polling,
};

const CHATS: (Method, &str) = (Method::GET, "/v1/chats");

/// Tokens that are none, made of alice's, and of one that she shares nothing with.
fn bad_tokens(alice: &str, bob: &str) -> Vec<(&'static str, String)> {
    let parts: Vec<&str> = alice.split('.').collect();
    let bobs: Vec<&str> = bob.split('.').collect();
    let without_its_end = alice[..alice.len() - 4].to_owned();
    vec![
        ("nothing", String::new()),
        ("no token", "no token at all".to_owned()),
        // {"alg":"none"}
        ("unsigned", format!("eyJhbGciOiJub25lIn0.{}.", parts[1])),
        ("an empty signature", format!("{}.{}.", parts[0], parts[1])),
        ("a cut signature", without_its_end),
        ("another's claims", format!("{}.{}.{}", parts[0], bobs[1], parts[2])),
        ("too long", "e".repeat(20_000)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_token_is_refused_at_every_door() {
    let house = House::alone(&[]).await;
    let (alice, bob) = (house.register("alice").await, house.register("bob").await);
    for (name, token) in bad_tokens(&alice.access, &bob.access) {
        if token.len() < 8_000 {
            // No header is longer.
            let (status, answer) = house.ask(0, CHATS, Some(&token), Value::Null).await;
            assert_eq!(status, 401, "{name}: {answer}");
            assert!(token.is_empty() || !answer.to_string().contains(&token), "{name}: {answer}");
        }
        assert_eq!(house.turned_away(0, &token).await, 4501, "{name}");
        let client = Polling::open(house.gateway(0)).await;
        let answer = client.enters(&token).await;
        assert!(answer.starts_with("44/chat,"), "{name}: {answer}");
        assert!(answer.contains(r#""code":"unauthenticated""#), "{name}: {answer}");
        assert!(token.is_empty() || !answer.contains(&token), "{name}: {answer}");
    }
    let client = Polling::open(house.gateway(0)).await;
    assert!(client.enters(&alice.access).await.contains(r#"40/chat,{"sid""#), "a good one passes");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socketio_client_ends_with_its_token() {
    let house = House::cluster(&[("HUBBUB_AUTH__LEEWAY_SECONDS", "0")]).await;
    let client = Polling::open(house.gateway(0)).await;
    let entered = client.enters(&token_for("alice", Duration::from_secs(3))).await;
    assert!(entered.contains("40/chat,"), "{entered}");
    client.hears("41/chat,").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_everywhere_ends_socketio_clients_too() {
    let house = House::cluster(&[]).await;
    let alice: Person = house.register("alice").await;
    let client = Polling::open(house.gateway(0)).await;
    assert!(client.enters(&alice.access).await.contains("40/chat,"));
    let everywhere = (Method::POST, "/v1/auth/logout_everywhere");
    let begun = Instant::now();
    let (answer, ()) =
        tokio::join!(house.ask(1, everywhere, Some(&alice.access), Value::Null), client.ended());
    assert_eq!(answer.0, 200, "{}", answer.1);
    print(begun.elapsed());
    // Whether the token still holds is asked once more right after the door has opened.
    let again = Polling::open(house.gateway(0)).await;
    let answer = again.enters(&alice.access).await;
    if !answer.starts_with("44/chat,") {
        again.ended().await;
    }
}

#[expect(clippy::print_stdout, reason = "the figure of a run")]
fn print(took: Duration) {
    println!("a client that polls was out {took:?} after its user logged out elsewhere");
}
