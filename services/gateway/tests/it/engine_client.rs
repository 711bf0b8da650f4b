//! Engine.IO clients made of requests and of frames, so that they can say what no library says.

use std::time::Duration;

use hubbub_gateway::{edge, engineio, socketio};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio_util::task::TaskTracker;

use crate::{
    socketio_fixture::{self, engine_config},
    ws_client::{self, DEADLINE, Server, frame},
};

pub(crate) const ECHO: &str = "/engine.io/";
pub(crate) const SOCKET_IO: &str = "/socket.io/";
/// The head of a text frame, and of a binary one.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;

/// Time enough for a slow machine.
pub(crate) fn patient_config() -> engineio::Config {
    engineio::Config {
        ping_interval: Duration::from_secs(30),
        ping_timeout: Duration::from_secs(30),
        ..engine_config()
    }
}

/// The fixture, with time enough for a slow machine.
pub(crate) fn patient() -> Server {
    start(socketio_fixture::edge(0), &patient_config(), &patient_protocol())
}

pub(crate) fn patient_protocol() -> socketio::Config {
    socketio::Config { connect_timeout: Duration::from_secs(30), ..socketio::Config::default() }
}

/// The fixture as the suites know it.
pub(crate) fn brisk() -> Server {
    start(socketio_fixture::edge(0), &engine_config(), &socketio_fixture::socketio_config())
}

pub(crate) fn start(
    edge: edge::Config,
    config: &engineio::Config,
    protocol: &socketio::Config,
) -> Server {
    Server::start_with(edge, |listener, abort| {
        socketio_fixture::router((config, protocol), listener, &TaskTracker::new(), abort)
    })
}

pub(crate) async fn get(server: &Server, path: &str, query: &str) -> Response {
    let request = Client::new().get(format!("http://{}{path}?{query}", server.address));
    request.timeout(DEADLINE).send().await.expect("an answer")
}

/// A session that polls.
#[derive(Clone)]
pub(crate) struct Poller {
    pub(crate) client: Client,
    pub(crate) url: String,
    pub(crate) sid: String,
}

impl Poller {
    pub(crate) async fn open(server: &Server, path: &str) -> Self {
        let client = Client::new();
        let url = format!("http://{}{path}?EIO=4&transport=polling", server.address);
        let open = client.get(&url).send().await.expect("an answer");
        assert_eq!(open.status(), StatusCode::OK);
        let open = open.text().await.expect("text");
        let handshake: Value = serde_json::from_str(&open[1..]).expect("JSON");
        let sid = handshake["sid"].as_str().expect("a session id").to_owned();
        Self { client, url, sid }
    }

    fn address(&self) -> String {
        format!("{}&sid={}", self.url, self.sid)
    }

    pub(crate) async fn poll(&self) -> Response {
        self.client.get(self.address()).timeout(DEADLINE).send().await.expect("an answer")
    }

    /// A poll that must bring exactly this.
    pub(crate) async fn expect(&self, payload: &str) {
        let poll = self.poll().await;
        assert_eq!(poll.status(), StatusCode::OK);
        assert_eq!(poll.text().await.expect("text"), payload);
    }

    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> Response {
        let request = self.client.post(self.address()).body(body).timeout(DEADLINE);
        request.send().await.expect("an answer")
    }

    pub(crate) async fn send(&self, payload: &'static str) {
        let post = self.post(payload).await;
        assert_eq!(
            (post.status(), post.text().await.expect("text").as_str()),
            (StatusCode::OK, "ok")
        );
    }

    /// The session is unknown, or no longer one that polls.
    pub(crate) async fn expect_gone(&self) {
        assert_eq!(self.poll().await.status(), StatusCode::BAD_REQUEST);
    }

    /// The WebSocket that is to take over, after its probe was answered.
    pub(crate) async fn probe(&self, server: &Server) -> WebSocket {
        let mut socket = self.websocket(server).await;
        socket.say("2probe").await;
        socket.expect("3probe").await;
        socket
    }

    pub(crate) async fn websocket(&self, server: &Server) -> WebSocket {
        let path = if self.url.contains(ECHO) { ECHO } else { SOCKET_IO };
        WebSocket::at(server, &format!("{path}?EIO=4&transport=websocket&sid={}", self.sid)).await
    }
}

/// A session over a WebSocket.
pub(crate) struct WebSocket(pub(crate) ws_client::Client);

impl WebSocket {
    pub(crate) async fn at(server: &Server, path: &str) -> Self {
        Self(ws_client::Client::open_at(server.address, path).await)
    }

    /// After the handshake.
    pub(crate) async fn open(server: &Server, path: &str) -> Self {
        let mut socket = Self::at(server, &format!("{path}?EIO=4&transport=websocket")).await;
        assert!(socket.text().await.starts_with("0{"));
        socket
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.0.write(&frame(TEXT, text.as_bytes())).await;
    }

    pub(crate) async fn say_binary(&mut self, bytes: &[u8]) {
        self.0.write(&frame(BINARY, bytes)).await;
    }

    pub(crate) async fn text(&mut self) -> String {
        let frame = self.0.frame().await;
        assert_eq!(frame.first, TEXT, "{frame:?}");
        String::from_utf8(frame.payload).expect("text")
    }

    /// The next text that is no ping; pings are answered.
    pub(crate) async fn next_packet(&mut self) -> String {
        loop {
            let text = self.text().await;
            if text != "2" {
                return text;
            }
            self.say("3").await;
        }
    }

    pub(crate) async fn expect(&mut self, text: &str) {
        assert_eq!(self.text().await, text);
    }

    pub(crate) async fn expect_binary(&mut self, bytes: &[u8]) {
        self.0.expect(BINARY, bytes).await;
    }

    /// The server closes, whatever it still had to say.
    pub(crate) async fn expect_close(mut self) {
        while self.0.frame().await.first != 0x88 {}
        self.0.expect_end().await;
    }
}
