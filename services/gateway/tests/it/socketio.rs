//! Socket.IO 5 as its public test suite asks for it, and beyond.

use std::time::Duration;

use hubbub_gateway::{edge::Config, engineio, socketio};
use tokio::time::Instant;

use crate::{
    engine_client::{
        Poller, SOCKET_IO, WebSocket, patient, patient_config, patient_protocol, start,
    },
    socketio_fixture,
    ws_client::Server,
};

/// In the main namespace, greeted.
async fn connected(server: &Server) -> WebSocket {
    let mut socket = WebSocket::open(server, SOCKET_IO).await;
    socket.say("40").await;
    assert!(socket.next_packet().await.starts_with("40{\"sid\":\""));
    assert_eq!(socket.next_packet().await, "42[\"auth\",{}]");
    socket
}

#[tokio::test]
async fn clients_are_let_into_namespaces() {
    let server = patient();
    for (connect, head, auth) in [
        ("40", "40", "42[\"auth\",{}]"),
        ("40{\"token\":\"123\"}", "40", "42[\"auth\",{\"token\":\"123\"}]"),
        ("40/custom", "40/custom,", "42/custom,[\"auth\",{}]"),
        ("40/custom,{\"token\":\"abc\"}", "40/custom,", "42/custom,[\"auth\",{\"token\":\"abc\"}]"),
    ] {
        let mut socket = WebSocket::open(&server, SOCKET_IO).await;
        socket.say(connect).await;
        let answer = socket.text().await;
        let handshake = answer.strip_prefix(head).unwrap();
        let handshake: serde_json::Value = serde_json::from_str(handshake).unwrap();
        assert_eq!(handshake.as_object().unwrap().keys().collect::<Vec<_>>(), ["sid"]);
        socket.expect(auth).await;
    }
    let mut socket = WebSocket::open(&server, SOCKET_IO).await;
    socket.say("40/random").await;
    socket.expect("44/random,{\"message\":\"Invalid namespace\"}").await;
}

#[tokio::test]
async fn coming_back_to_a_namespace_costs_what_a_connection_costs() {
    let few = 3.try_into().unwrap();
    let edge = Config { connects_per_address_per_second: few, ..socketio_fixture::edge(0) };
    let server = start(edge, &patient_config(), &patient_protocol());
    let mut socket = WebSocket::open(&server, SOCKET_IO).await;
    // Another namespace keeps the connection.
    socket.say("40/custom").await;
    let mut refused = false;
    for _ in 0..10 {
        socket.say("40").await;
        let answer = loop {
            let packet = socket.next_packet().await;
            if packet.starts_with("40{") || packet.starts_with("44{") {
                break packet;
            }
        };
        refused |= answer.starts_with("44{") && answer.contains("rate_limited");
        socket.say("41").await;
        // Packets are carried out in their order: with this answer the client has left.
        socket.say("42/custom,9[\"message-with-ack\"]").await;
        while !socket.next_packet().await.starts_with("43/custom,9") {}
    }
    assert!(refused, "ten times in a moment");
}

#[tokio::test]
async fn messages_and_answers() {
    let server = patient();
    let mut socket = connected(&server).await;
    socket.say("42[\"message\",1,\"2\",{\"3\":[true]}]").await;
    socket.expect("42[\"message-back\",1,\"2\",{\"3\":[true]}]").await;
    socket.say("42456[\"message-with-ack\",1,\"2\",{\"3\":[false]}]").await;
    socket.expect("43456[1,\"2\",{\"3\":[false]}]").await;
}

const PLACES: &str = "{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}";

#[tokio::test]
async fn attachments_directly_follow_their_packet() {
    // A ping is always near.
    let config = engineio::Config { ping_interval: Duration::from_millis(30), ..patient_config() };
    let server = start(socketio_fixture::edge(0), &config, &patient_protocol());
    let mut socket = connected(&server).await;
    // Many heartbeats long, and always some rounds ahead.
    let begun = Instant::now();
    let (mut sent, mut heard) = (0_u8, 0_u8);
    while heard < sent || begun.elapsed() < Duration::from_millis(800) {
        while sent - heard < 4 && sent < u8::MAX {
            socket.say(&format!("452-[\"message\",{PLACES}]")).await;
            socket.say_binary(&[sent; 3]).await;
            socket.say_binary(&[4, 5, 6]).await;
            socket.say(&format!("452-{sent}[\"message-with-ack\",{PLACES}]")).await;
            socket.say_binary(&vec![sent; 7_000]).await;
            socket.say_binary(&[]).await;
            sent += 1;
        }
        if heard == sent {
            break;
        }
        assert_eq!(socket.next_packet().await, format!("452-[\"message-back\",{PLACES}]"));
        socket.expect_binary(&[heard; 3]).await;
        socket.expect_binary(&[4, 5, 6]).await;
        assert_eq!(socket.next_packet().await, format!("462-{heard}[{PLACES}]"));
        socket.expect_binary(&vec![heard; 7_000]).await;
        socket.expect_binary(&[]).await;
        heard += 1;
    }
}

#[tokio::test]
async fn attachments_by_polling() {
    let server = patient();
    let poller = Poller::open(&server, SOCKET_IO).await;
    poller.send("40\u{1e}451-[\"message\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQIDBA==").await;
    let mut heard = String::new();
    while !heard.ends_with("bAQIDBA==") {
        heard += &poller.poll().await.text().await.unwrap();
        heard.push('\u{1e}');
        heard.truncate(heard.len() - usize::from(heard.ends_with("==\u{1e}")));
    }
    let packets: Vec<&str> = heard.split('\u{1e}').collect();
    assert!(packets[0].starts_with("40{\"sid\""));
    let back = "451-[\"message-back\",{\"_placeholder\":true,\"num\":0}]";
    assert_eq!(packets[1..], ["42[\"auth\",{}]", back, "bAQIDBA=="]);
}

#[tokio::test]
async fn namespaces_are_left_one_by_one() {
    let server = patient();
    let mut socket = connected(&server).await;
    socket.say("40/custom,").await;
    assert!(socket.text().await.starts_with("40/custom,"));
    socket.expect("42/custom,[\"auth\",{}]").await;
    socket.say("41/custom,").await;
    // What crossed the departure is not held against the client.
    socket.say("42/custom,[\"message\",\"late\"]").await;
    socket.say("42[\"message\",\"to main\"]").await;
    socket.expect("42[\"message-back\",\"to main\"]").await;
    socket.say("40/custom,").await;
    assert!(socket.text().await.starts_with("40/custom,"), "and back again");
}

#[tokio::test]
async fn what_cannot_be_ends_the_connection() {
    let server = patient();
    let eleven = format!("4511-[\"message\"{}]", ",0".repeat(11));
    let deep = format!("42[\"message\",{}{}]", "[".repeat(500), "]".repeat(500));
    for text in [
        "4abc",
        "42{}",
        "42[]",
        "42abc[\"message-with-ack\",1]",
        "42[\"message\"",
        "44{\"message\":\"x\"}",
        "40",
        "43[]",
        "451-[\"message\",{\"_placeholder\":true,\"num\":0}]\0x",
        "42/random,[\"message\"]",
        "451-/random,[\"message\"]",
        "42[\"connect\"]",
        "42[\"connect_error\"]",
        "42[\"disconnect\"]",
        "42[\"disconnecting\"]",
        "42[\"newListener\"]",
        "42[\"removeListener\"]",
        &eleven,
        &deep,
    ] {
        let mut socket = connected(&server).await;
        socket.say(text).await;
        socket.expect_close().await;
    }
    // Binary out of place, and text in the place of binary.
    let mut socket = connected(&server).await;
    socket.say_binary(b"x").await;
    socket.expect_close().await;
    let mut socket = connected(&server).await;
    socket.say("451-[\"message\"]").await;
    socket.say("42[\"message\"]").await;
    socket.expect_close().await;
    // Nothing but CONNECT before CONNECT.
    let mut socket = WebSocket::open(&server, SOCKET_IO).await;
    socket.say("42[\"message\"]").await;
    socket.expect_close().await;
}

#[tokio::test]
async fn who_joins_no_namespace_is_closed() {
    let protocol =
        socketio::Config { connect_timeout: Duration::from_secs(3), ..patient_protocol() };
    let server = start(socketio_fixture::edge(0), &patient_config(), &protocol);
    let begun = Instant::now();
    let socket = WebSocket::open(&server, SOCKET_IO).await;
    let mut refused = WebSocket::open(&server, SOCKET_IO).await;
    refused.say("40/random").await;
    let mut stays = connected(&server).await;
    let mut leaves = connected(&server).await;
    leaves.say("41").await;
    socket.expect_close().await;
    assert!(begun.elapsed() >= Duration::from_secs(3));
    refused.expect_close().await;
    leaves.expect_close().await;
    stays.say("42[\"message\"]").await;
    stays.expect("42[\"message-back\"]").await;
}

#[tokio::test]
async fn a_server_refuses_asks_and_shows_the_door() {
    let server = patient();
    let mut socket = WebSocket::open(&server, SOCKET_IO).await;
    socket.say("40/server,{\"token\":\"bad\"}").await;
    let refusal = "{\"message\":\"a bad token\",\"data\":{\"code\":\"unauthenticated\"}}";
    socket.expect(&format!("44/server,{refusal}")).await;
    socket.say("40/server,{\"token\":\"good\"}").await;
    let answer = socket.text().await;
    assert!(answer.starts_with("40/server,") && answer.ends_with("\"pid\":\"private\"}"));

    socket.say("42/server,7[\"ask\"]").await;
    socket.expect("42/server,1[\"question\",1]").await;
    socket.say("43/server,1[42]").await;
    socket.expect("43/server,7[{\"Ok\":[42]}]").await;

    socket.say("42/server,[\"leave\"]").await;
    socket.expect("41/server,").await;
    let recovering = "{\"token\":\"good\",\"pid\":\"p\",\"offset\":\"o\"}";
    socket.say(&format!("40/server,{recovering}")).await;
    assert!(socket.text().await.ends_with("\"pid\":\"p+o\"}"), "recovery is handed on");
}
