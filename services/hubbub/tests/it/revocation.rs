//! Logging out everywhere closes the sockets on every gateway within a second, with Redis; and without
//! it at the next look. Old tokens are refused from then on, and so is resuming with them.

use std::time::{Duration, Instant};

use futures::future::join_all;
use hubbub_domain::Code;
use hubbub_proto::{
    fault_from_status,
    identity::v1::{LoginRequest, SetBanRequest, identity_service_client::IdentityServiceClient},
};
use hubbub_testkit::eventually;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{people_house::House, sio::Sio};

const EVERYWHERE: (Method, &str) = (Method::POST, "/v1/auth/logout_everywhere");

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_everywhere_closes_both_gateways_sockets_at_once() {
    const TRIES: usize = 100;

    let house = House::cluster(&[]).await;
    house.register("alice").await;
    let mut took = Vec::with_capacity(TRIES);
    for number in 0..TRIES {
        let logins = [house.login(number, "alice").await, house.login(number + 1, "alice").await];
        let mut lines = [house.line(0, &logins[0]).await, house.line(1, &logins[1]).await];
        let begun = Instant::now();
        let closing = join_all(lines.iter_mut().map(async |line| {
            let code = line.closed().await.0;
            (code, begun.elapsed())
        }));
        let token = Some(logins[0].access.as_str());
        let (answer, closed) =
            tokio::join!(house.ask(number, EVERYWHERE, token, Value::Null), closing);
        assert_eq!(answer.0, 200, "{}", answer.1);
        assert!(closed.iter().all(|(code, _)| *code == 4503), "{closed:?}");
        took.extend(closed.iter().map(|(_, took)| *took));
        for (gateway, login) in logins.iter().enumerate() {
            assert_eq!(house.refresh(gateway, &login.refresh).await.0, 401);
        }
    }
    took.sort_unstable();
    let [median, p99] = [took[took.len() / 2], took[took.len() * 99 / 100]];
    println!("logout everywhere, {TRIES} tries on two gateways: median {median:?}, p99 {p99:?}");
    assert!(p99 < Duration::from_secs(1), "p99 {p99:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_next_look_closes_them() {
    let house = House::cluster(&[("HUBBUB_GATEWAY__USERS__CHECK_INTERVAL", "1s")]).await;
    let alice = house.register("alice").await;
    let mut lines = [house.line(0, &alice).await, house.line(1, &alice).await];
    house.cluster.as_ref().expect("a cluster").redis.stop().await;
    let (status, answer) = house.ask(0, EVERYWHERE, Some(&alice.access), Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    for line in &mut lines {
        assert_eq!(line.closed().await.0, 4503);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_banned_is_out_on_every_gateway_and_stays_out() {
    let house = House::cluster(&[]).await;
    let alice = house.register("alice").await;
    let mut lines = [house.line(0, &alice).await, house.line(1, &alice).await];
    let mut chat = Sio::chat(house.gateway(1), &alice.access).await.expect("let in");
    let node = &house.cluster.as_ref().expect("a cluster").identities[0];
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", node.address()));
    let channel = channel.expect("an address").connect().await.expect("it listens");
    let mut operator =
        IdentityServiceClient::with_interceptor(channel, |mut request: tonic::Request<()>| {
            let token = "Bearer a token that the roles share".parse().expect("a header");
            request.metadata_mut().insert("authorization", token);
            Ok(request)
        });
    let ban = |banned| SetBanRequest { user_id: "alice".to_owned(), banned };
    operator.set_ban(ban(true)).await.expect("banned");
    for line in &mut lines {
        assert_eq!(line.closed().await, (4504, "the user is banned".to_owned()));
    }
    chat.closed().await;
    let resume = json!({"epoch": "any", "rooms": {}});
    for gateway in 0..2 {
        assert_eq!(house.turned_away(gateway, &alice.access).await, 4504);
        let mut line = crate::line::Line::open(&format!("ws://{}", house.gateway(gateway))).await;
        let hello = json!({"id": 1, "type": "hello", "token": alice.access, "resume": resume});
        line.say(&hello.to_string()).await;
        assert_eq!(line.closed().await.0, 4504, "resuming is refused too");
        let (status, answer) =
            house.ask(gateway, (Method::GET, "/v1/chats"), Some(&alice.access), Value::Null).await;
        assert_eq!((status, &answer["error"]["code"]), (403, &json!("banned")), "{answer}");
        let (status, answer) = house.refresh(gateway, &alice.refresh).await;
        assert_eq!((status, &answer["error"]["code"]), (403, &json!("banned")), "{answer}");
        let login = async |password: &str| {
            let body = json!({"name": "alice", "password": password});
            let (status, answer) =
                house.ask(gateway, (Method::POST, "/v1/auth/login"), None, body).await;
            (status, answer["error"].clone())
        };
        let (status, error) = login("correct horse").await;
        assert_eq!((status, &error["code"]), (403, &json!("banned")), "{error}");
        assert_eq!(error["message"], "this user is banned");
        let (status, error) = login("another guess").await;
        assert_eq!((status, &error["code"]), (401, &json!("unauthenticated")), "{error}");
        let refused = Sio::chat(house.gateway(gateway), &alice.access).await.err();
        assert_eq!(refused.expect("turned away")["code"], "banned");
    }
    let login = LoginRequest {
        name: "alice".to_owned(),
        password: "correct horse".to_owned(),
        client_address: String::new(),
    };
    let status = operator.login(login).await.expect_err("turned away");
    assert_eq!(status.code(), tonic::Code::PermissionDenied);
    assert_eq!(fault_from_status(&status).code, Code::Banned);
    operator.set_ban(ban(false)).await.expect("lifted");
    eventually(Duration::from_secs(10), async || {
        // What has ended stays ended.
        house.turned_away(0, &alice.access).await == 4503
    })
    .await;
    eventually(Duration::from_secs(10), async || {
        let body = json!({"name": "alice", "password": "correct horse"});
        house.ask(0, (Method::POST, "/v1/auth/login"), None, body).await.0 == 200
    })
    .await;
}
