//! Engine.IO 4 as its public test suite asks for it, and beyond: handshake, packets, heartbeat, end,
//! and who may ask for what.

use std::time::Duration;

use hubbub_gateway::{edge, engineio};
use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    engine_client::{
        ECHO, Poller, WebSocket, brisk, get, patient, patient_config, patient_protocol, start,
    },
    socketio_fixture::engine_config,
    ws_client::{self, frame},
};

#[tokio::test]
async fn the_handshake_says_five_things() {
    let server = brisk();
    let expected = |sid: &Value, upgrades: &[&str]| {
        json!({
            "sid": sid, "upgrades": upgrades, "pingInterval": 300, "pingTimeout": 200,
            "maxPayload": 1_000_000,
        })
    };
    let open = get(&server, ECHO, "EIO=4&transport=polling").await;
    assert_eq!(open.headers()[header::CONTENT_TYPE], "text/plain; charset=UTF-8");
    let handshake: Value = serde_json::from_str(&open.text().await.unwrap()[1..]).unwrap();
    assert!(handshake["sid"].as_str().unwrap().starts_with("fixture."));
    assert_eq!(handshake, expected(&handshake["sid"], &["websocket"]));

    let path = format!("{ECHO}?EIO=4&transport=websocket");
    let open = WebSocket::at(&server, &path).await.text().await;
    let handshake: Value = serde_json::from_str(&open[1..]).unwrap();
    assert_eq!(handshake, expected(&handshake["sid"], &[]));
}

#[tokio::test]
async fn bad_requests_are_told_apart() {
    let server = patient();
    for (query, code, message) in [
        ("EIO=4", 0, "Transport unknown"),
        ("EIO=4&transport=abc", 0, "Transport unknown"),
        ("EIO=4&transport=polling&sid=abc", 1, "Session ID unknown"),
        ("EIO=4&transport=websocket", 3, "Bad request"),
        ("transport=polling", 5, "Unsupported protocol version"),
        ("EIO=2&transport=polling", 5, "Unsupported protocol version"),
        ("EIO=abc&transport=polling", 5, "Unsupported protocol version"),
    ] {
        let answer = get(&server, ECHO, query).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer, json!({"code": code, "message": message}), "{query}");
    }
    let url = format!("http://{}{ECHO}?EIO=4&transport=polling", server.address);
    for request in [Client::new().post(&url), Client::new().put(&url)] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], 2);
    }
}

#[tokio::test]
async fn a_poll_brings_all_that_waits() {
    let server = patient();
    let poller = Poller::open(&server, ECHO).await;
    poller.send("4test1\u{1e}4test2\u{1e}4test3").await;
    poller.expect("4test1\u{1e}4test2\u{1e}4test3").await;
    poller.send("4héllo\u{1e}bAQIDBA==").await;
    poller.expect("4héllo\u{1e}bAQIDBA==").await;
    let (poll, ()) = tokio::join!(poller.poll(), async {
        poller.send("4later").await;
    });
    assert_eq!(poll.text().await.unwrap(), "4later");
}

#[tokio::test]
async fn what_is_no_packet_ends_the_session() {
    let server = patient();
    for body in [&b"abc"[..], b"", b"4ok\x1e", b"b*", b"2"] {
        let poller = Poller::open(&server, ECHO).await;
        assert_eq!(poller.post(body).await.status(), StatusCode::BAD_REQUEST, "{body:?}");
        poller.expect_gone().await;
    }
    for text in ["abc", "", "2"] {
        let mut socket = WebSocket::open(&server, ECHO).await;
        socket.say(text).await;
        socket.expect_close().await;
    }
}

#[tokio::test]
async fn more_than_the_handshake_allows_is_refused() {
    let server = patient();
    let poller = Poller::open(&server, ECHO).await;
    let body = |bytes: usize| format!("4{}", "x".repeat(bytes - 1));
    assert_eq!(poller.post(body(1_000_001)).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(poller.post(body(1_000_000)).await.status(), StatusCode::OK);
    // Without a length, too.
    let mut chunked = ws_client::Client { stream: connect(&server).await };
    let head = format!(
        "POST {ECHO}?EIO=4&transport=polling&sid={} HTTP/1.1\r\nHost: localhost\r\n\
         Transfer-Encoding: chunked\r\n\r\nFFFFF\r\n4",
        poller.sid
    );
    chunked.write(head.as_bytes()).await;
    chunked.try_write(&vec![b'x'; 0xF_FFFF]).await;
    assert!(chunked.head().await.starts_with("HTTP/1.1 413 "));

    let mut socket = WebSocket::open(&server, ECHO).await;
    socket.0.try_write(&frame(0x81, body(1_000_001).as_bytes())).await;
    socket.0.expect_close(1009).await;
}

async fn connect(server: &ws_client::Server) -> tokio::net::TcpStream {
    tokio::net::TcpStream::connect(server.address).await.expect("it listens")
}

#[tokio::test]
async fn messages_over_a_websocket() {
    let server = patient();
    let mut socket = WebSocket::open(&server, ECHO).await;
    socket.say("4hello").await;
    socket.expect("4hello").await;
    socket.say_binary(&[1, 2, 3, 4]).await;
    socket.expect_binary(&[1, 2, 3, 4]).await;
    socket.0.write(&frame(0x89, b"there?")).await;
    socket.0.expect(0x8a, b"there?").await;
}

#[tokio::test]
async fn two_polls_at_once_end_the_session() {
    let server = patient();
    let poller = Poller::open(&server, ECHO).await;
    let mut polls = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let poller = poller.clone();
        polls.spawn(async move {
            let poll = poller.poll().await;
            (poll.status(), poll.text().await.unwrap())
        });
    }
    let mut answers = polls.join_all().await;
    answers.sort();
    assert_eq!(answers[0], (StatusCode::OK, "1".to_owned()));
    assert_eq!(answers[1].0, StatusCode::BAD_REQUEST);
    poller.expect_gone().await;
}

#[tokio::test]
async fn a_poll_that_is_given_up_ends_the_session() {
    let server = patient();
    let poller = Poller::open(&server, ECHO).await;
    let mut given_up = ws_client::Client { stream: connect(&server).await };
    let head = format!(
        "GET {ECHO}?EIO=4&transport=polling&sid={} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        poller.sid
    );
    given_up.write(head.as_bytes()).await;
    drop(given_up);
    // Whether its end is seen before the next poll comes or after, there were two.
    poller.expect_gone().await;
    poller.expect_gone().await;
}

#[tokio::test]
async fn the_first_ping_comes_after_one_interval() {
    let config = engineio::Config { ping_timeout: Duration::from_secs(20), ..engine_config() };
    let server = start(ws_client::config(), &config, &patient_protocol());
    let begun = Instant::now();
    let poller = Poller::open(&server, ECHO).await;
    poller.expect("2").await;
    assert!(begun.elapsed() >= Duration::from_millis(300));
    poller.send("3").await;
    let answered = Instant::now();
    poller.expect("2").await;
    assert!(answered.elapsed() >= Duration::from_millis(250));

    let begun = Instant::now();
    let mut socket = WebSocket::open(&server, ECHO).await;
    socket.expect("2").await;
    assert!(begun.elapsed() >= Duration::from_millis(300));
    socket.say("3").await;
    socket.expect("2").await;
    assert!(begun.elapsed() >= Duration::from_millis(600));
}

#[tokio::test]
async fn who_does_not_answer_is_gone_by_the_clock_of_the_handshake() {
    let server = brisk();
    let poller = Poller::open(&server, ECHO).await;
    let mut socket = WebSocket::open(&server, ECHO).await;
    // Time is the subject: one interval and one time-out.
    sleep(Duration::from_millis(500)).await;
    poller.expect_gone().await;
    socket.expect("2").await;
    socket.expect_close().await;
}

#[tokio::test]
async fn a_goodbye_is_answered_by_the_poll() {
    let server = patient();
    let poller = Poller::open(&server, ECHO).await;
    let (poll, ()) = tokio::join!(poller.poll(), poller.send("1"));
    assert_eq!(poll.text().await.unwrap(), "6");
    poller.expect_gone().await;
    // The poll may come a moment later than the goodbye.
    let poller = Poller::open(&server, ECHO).await;
    poller.send("1").await;
    poller.expect("6").await;
    poller.expect_gone().await;

    let mut socket = WebSocket::open(&server, ECHO).await;
    socket.say("1").await;
    socket.expect_close().await;
}

#[tokio::test]
async fn a_session_id_with_anothers_token_is_refused() {
    let server = patient();
    let url = format!("http://{}{ECHO}?EIO=4&transport=polling", server.address);
    let alices = |request: reqwest::RequestBuilder| request.bearer_auth("alice");
    let client = Client::new();
    let open = alices(client.get(&url)).send().await.unwrap().text().await.unwrap();
    let handshake: Value = serde_json::from_str(&open[1..]).unwrap();
    let with_sid = format!("{url}&sid={}", handshake["sid"].as_str().unwrap());
    for stolen in [
        client.post(&with_sid).bearer_auth("bob").body("4hi"),
        client.get(&with_sid).bearer_auth("bob"),
        client.get(format!("{with_sid}&token=bob")),
        client.get(format!("{with_sid}&access_token=bob")).bearer_auth("alice"),
    ] {
        let answer = stolen.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], 4);
    }
    let own = alices(client.post(&with_sid)).body("4hi").send().await.unwrap();
    assert_eq!(own.status(), StatusCode::OK, "the session lives on");
    assert_eq!(client.get(&with_sid).send().await.unwrap().text().await.unwrap(), "4hi");
}

#[tokio::test]
async fn pages_of_other_hosts_are_refused() {
    let edge = edge::Config { allowed_origins: vec!["same-host".into()], ..ws_client::config() };
    let server = start(edge, &engine_config(), &patient_protocol());
    let url = format!("http://{}{ECHO}?EIO=4&transport=polling", server.address);
    let from = |origin: String| Client::new().get(&url).header(header::ORIGIN, origin).send();
    assert_eq!(from("https://evil.example".into()).await.unwrap().status(), StatusCode::FORBIDDEN);
    let own = from(format!("http://{}", server.address)).await.unwrap();
    assert_eq!(own.status(), StatusCode::OK);
    assert!(own.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));

    let path = format!("GET {ECHO}?EIO=4&transport=websocket ");
    let evil = "Origin: https://evil.example\r\nSec-WebSocket-Version";
    let request = ws_client::HANDSHAKE.replacen("GET / ", &path, 1);
    let request = request.replacen("Sec-WebSocket-Version", evil, 1);
    let mut client = ws_client::Client { stream: connect(&server).await };
    client.write(request.as_bytes()).await;
    assert!(client.head().await.starts_with("HTTP/1.1 403 "));
}

#[tokio::test]
async fn compression_is_never_agreed_on() {
    let server = patient();
    let path = format!("GET {ECHO}?EIO=4&transport=websocket ");
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Version";
    let request = ws_client::HANDSHAKE.replacen("GET / ", &path, 1);
    let request = request.replacen("Sec-WebSocket-Version", offer, 1);
    let mut client = ws_client::Client { stream: connect(&server).await };
    client.write(request.as_bytes()).await;
    let head = client.head().await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 ") && !head.contains("extensions"), "{head}");
}

#[tokio::test]
async fn a_node_has_as_many_sessions_as_it_may() {
    let config = engineio::Config { sessions_max: 1, ..patient_config() };
    let server = start(ws_client::config(), &config, &patient_protocol());
    let poller = Poller::open(&server, ECHO).await;
    let refused = get(&server, ECHO, "EIO=4&transport=polling").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    poller.send("1").await;
    poller.expect("6").await;
    hubbub_testkit::eventually(ws_client::DEADLINE, async || {
        get(&server, ECHO, "EIO=4&transport=polling").await.status() == StatusCode::OK
    })
    .await;
}
