//! What a client begins and does not end: every message, packet and upgrade has a deadline, and all clients
//! together a bound. And how each end says why.

use std::time::Duration;

use hubbub_gateway::{engineio, socketio};

use crate::{
    engine_client::{
        ECHO, Poller, SOCKET_IO, TEXT, WebSocket, get, patient, patient_config, patient_protocol,
        start,
    },
    socketio_fixture::edge,
    ws_client::{self, Server, frame},
};

const SHORT: Duration = Duration::from_millis(400);
/// 4505 and 4003, as in `docs/protocol.md`.
const PROTOCOL: u16 = 4_505;
const TRY_AGAIN: u16 = 4_003;

async fn connected(server: &Server) -> WebSocket {
    let mut socket = WebSocket::open(server, SOCKET_IO).await;
    socket.say("40").await;
    assert!(socket.text().await.starts_with("40{\"sid\":\""));
    socket.expect("42[\"auth\",{}]").await;
    socket
}

/// Waits for a close frame; its reason.
async fn closed(mut socket: WebSocket, code: u16) -> String {
    loop {
        let frame = socket.0.frame().await;
        if frame.first == 0x88 {
            assert_eq!(frame.payload.get(..2), Some(&code.to_be_bytes()[..]), "{frame:?}");
            return String::from_utf8(frame.payload[2..].to_vec()).expect("UTF-8");
        }
    }
}

#[tokio::test]
async fn attachments_that_do_not_come_end_the_connection() {
    let protocol = socketio::Config { attachments_timeout: SHORT, ..patient_protocol() };
    let server = start(edge(0), &patient_config(), &protocol);
    let head =
        "452-[\"message\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]";
    let mut socket = connected(&server).await;
    socket.say(head).await;
    socket.say_binary(&[1, 2, 3]).await;
    let reason = closed(socket, PROTOCOL).await;
    assert_eq!(reason, "the attachments of a packet did not come in time");
    // One that comes in time has as long again.
    let mut socket = connected(&server).await;
    for _ in 0..3 {
        socket.say(head).await;
        // Time is the subject: a part of what it may take.
        tokio::time::sleep(SHORT / 2).await;
        socket.say_binary(&[1, 2, 3]).await;
        socket.say_binary(&[4]).await;
        assert!(socket.text().await.starts_with("452-[\"message-back\""));
        socket.expect_binary(&[1, 2, 3]).await;
        socket.expect_binary(&[4]).await;
    }
    let poller = Poller::open(&server, SOCKET_IO).await;
    poller.send("40\u{1e}451-[\"message\",{\"_placeholder\":true,\"num\":0}]").await;
    while poller.poll().await.status().is_success() {}
}

#[tokio::test]
async fn a_message_that_does_not_arrive_as_a_whole_ends_the_connection() {
    let config = engineio::Config { message_timeout: SHORT, ..patient_config() };
    let server = start(edge(0), &config, &patient_protocol());
    let whole = frame(TEXT, b"4hello");
    let fragment = frame(TEXT & 0x7f, b"4hel");
    for part in [&whole[..1], &whole[..4], &whole[..8], &fragment] {
        let mut socket = WebSocket::open(&server, ECHO).await;
        socket.say("4first").await;
        socket.expect("4first").await;
        socket.0.write(part).await;
        assert_eq!(closed(socket, PROTOCOL).await, "a message did not arrive in time");
    }
    // Slow and whole is well.
    let mut socket = WebSocket::open(&server, ECHO).await;
    for _ in 0..3 {
        socket.0.write(&whole[..8]).await;
        // Time is the subject: a part of what it may take.
        tokio::time::sleep(SHORT / 2).await;
        socket.0.write(&whole[8..]).await;
        socket.expect("4hello").await;
    }
}

#[tokio::test]
async fn all_clients_together_have_a_bound() {
    let config = engineio::Config { held_bytes_max: 100_000, ..patient_config() };
    let server = start(edge(0), &config, &patient_protocol());
    let head =
        "452-[\"message\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]";
    let mut first = connected(&server).await;
    first.say(head).await;
    first.say_binary(&vec![1; 60_000]).await;
    // It has arrived: what comes behind an answer was read before.
    first.0.write(&frame(0x89, b"there?")).await;
    first.0.expect(0x8a, b"there?").await;
    let mut second = connected(&server).await;
    second.say(head).await;
    second.say_binary(&vec![2; 60_000]).await;
    let reason = closed(second, TRY_AGAIN).await;
    assert!(reason.contains("holds too much"), "{reason}");
    // A frame that is not whole counts too.
    let mut third = connected(&server).await;
    let long = frame(TEXT, &vec![b'4'; 70_000]);
    third.0.write(&long[..60_000]).await;
    closed(third, TRY_AGAIN).await;
    first.say_binary(&[1]).await;
    assert!(first.text().await.starts_with("452-"), "whoever came first is served");
    drop(first);
    hubbub_testkit::eventually(ws_client::DEADLINE, async || {
        let mut socket = connected(&server).await;
        socket.say(head).await;
        socket.say_binary(&vec![3; 90_000]).await;
        socket.say_binary(&[3]).await;
        socket.0.frame().await.first == TEXT
    })
    .await;
}

#[tokio::test]
async fn half_a_character_is_no_breach() {
    let server = patient();
    let mut socket = connected(&server).await;
    socket.say("42[\"message\",\"a\\ud83d\",{\"\\udc00\":[\"😀\"]}]").await;
    socket.expect("42[\"message-back\",\"a\u{fffd}\",{\"\u{fffd}\":[\"😀\"]}]").await;
    socket.say("451-7[\"message-with-ack\",\"\\ud83d\",{\"_placeholder\":true,\"num\":0}]").await;
    socket.say_binary(&[1]).await;
    socket.expect("461-7[\"\u{fffd}\",{\"_placeholder\":true,\"num\":0}]").await;
    socket.expect_binary(&[1]).await;
    // What is a breach says which.
    socket.say("42[\"message\"").await;
    assert_eq!(closed(socket, PROTOCOL).await, "data that is not JSON, or nested too deeply");
    // Bytes that are no UTF-8 are read as the reference server reads them.
    let poller = Poller::open(&server, SOCKET_IO).await;
    poller.send("40").await;
    assert_eq!(poller.post(b"42[\"message\",\"\xff\"]".to_vec()).await.status(), 200);
    let mut heard = String::new();
    while !heard.contains("message-back") {
        heard = poller.poll().await.text().await.expect("text");
    }
    assert!(heard.contains("\"\u{fffd}\""), "{heard}");
}

#[tokio::test]
async fn a_client_of_revision_3_is_refused_in_its_own_words() {
    let server = patient();
    for transport in ["polling", "polling&b64=1"] {
        let refused = get(&server, SOCKET_IO, &format!("EIO=3&transport={transport}")).await;
        assert_eq!(refused.status(), 200);
        let body = refused.text().await.expect("text");
        let (length, rest) = body.split_once(':').expect("a length");
        let (open, rest) = rest.split_at(length.parse().expect("a number"));
        assert!(open.starts_with("0{\"sid\":\"refused\""), "{open}");
        assert!(rest.contains(":44\"Unsupported protocol version"), "{rest}");
        assert!(rest.ends_with("2:417:41/chat"), "{rest}");
    }
    let path = format!("{SOCKET_IO}?EIO=3&transport=websocket");
    let mut socket = WebSocket::at(&server, &path).await;
    assert!(socket.text().await.starts_with("0{"));
    assert!(socket.text().await.starts_with("44\"Unsupported protocol version"));
    socket.expect("41").await;
    socket.expect("41/chat").await;
    socket.expect_close().await;
    for revision in ["2", "abc", ""] {
        let refused = get(&server, SOCKET_IO, &format!("EIO={revision}&transport=polling")).await;
        assert_eq!(refused.status(), 400, "{revision}");
    }
}
