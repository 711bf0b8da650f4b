//! From polling to a WebSocket: one transport at a time, and nothing lost on the way.

use std::time::Duration;

use hubbub_gateway::engineio;
use reqwest::StatusCode;

use crate::{
    engine_client::{ECHO, Poller, WebSocket, patient, patient_config, patient_protocol, start},
    socketio_fixture,
    ws_client::Server,
};

async fn upgraded(server: &Server) -> (Poller, WebSocket) {
    let poller = Poller::open(server, ECHO).await;
    let mut socket = poller.probe(server).await;
    socket.say("5").await;
    (poller, socket)
}

#[tokio::test]
async fn a_websocket_takes_over() {
    let server = patient();
    let (_poller, mut socket) = upgraded(&server).await;
    socket.say("4hello").await;
    socket.expect("4hello").await;
}

#[tokio::test]
async fn a_poll_is_let_go_once_the_websocket_has_probed() {
    let server = patient();
    // Before the WebSocket, behind it, or in the middle of its handshake.
    for _ in 0..30 {
        let poller = Poller::open(&server, ECHO).await;
        let (poll, mut socket) = tokio::join!(poller.poll(), poller.probe(&server));
        assert_eq!(poll.text().await.unwrap(), "6");
        poller.expect("6").await;
        socket.say("5").await;
        socket.say("4hello").await;
        socket.expect("4hello").await;
    }
}

#[tokio::test]
async fn what_waits_leaves_by_the_transport_that_serves() {
    let server = patient();
    let poller = Poller::open(&server, ECHO).await;
    poller.send("4one\u{1e}4two").await;
    let mut socket = poller.probe(&server).await;
    poller.expect("4one\u{1e}4two").await;
    poller.send("4three").await;
    socket.say("5").await;
    socket.expect("4three").await;
    socket.say("4four").await;
    socket.expect("4four").await;
}

#[tokio::test]
async fn requests_are_refused_after_the_upgrade() {
    let server = patient();
    let (poller, mut socket) = upgraded(&server).await;
    poller.expect_gone().await;
    assert_eq!(poller.post("4hi").await.status(), StatusCode::BAD_REQUEST);
    socket.say("4hello").await;
    socket.expect("4hello").await;
}

#[tokio::test]
async fn an_upgrade_that_waited_for_no_answer_counts_before_the_poll_behind_it() {
    let server = patient();
    for _ in 0..20 {
        let poller = Poller::open(&server, ECHO).await;
        let mut socket = poller.websocket(&server).await;
        socket.say("2probe").await;
        socket.say("5").await;
        poller.expect_gone().await;
        socket.expect("3probe").await;
        socket.say("4hello").await;
        socket.expect("4hello").await;
    }
}

#[tokio::test]
async fn a_second_websocket_is_closed() {
    let server = patient();
    let (poller, mut socket) = upgraded(&server).await;
    poller.websocket(&server).await.expect_close().await;
    socket.say("4hello").await;
    socket.expect("4hello").await;

    let poller = Poller::open(&server, ECHO).await;
    let _first = poller.probe(&server).await;
    poller.websocket(&server).await.expect_close().await;
}

#[tokio::test]
async fn polling_goes_on_when_the_websocket_does_not_take_over() {
    let config = engineio::Config { upgrade_timeout: Duration::from_secs(1), ..patient_config() };
    let server = start(socketio_fixture::edge(0), &config, &patient_protocol());
    let poller = Poller::open(&server, ECHO).await;
    // Out of time, gone, or no probe.
    poller.probe(&server).await.expect_close().await;
    drop(poller.probe(&server).await);
    let mut confused = loop {
        // The one before may not be seen to be gone yet.
        let mut socket = poller.websocket(&server).await;
        socket.say("2probe").await;
        if socket.0.frame().await.payload == b"3probe" {
            break socket;
        }
    };
    confused.say("4hello").await;
    poller.send("4hi").await;
    poller.expect("4hi").await;
    confused.expect_close().await;
}
