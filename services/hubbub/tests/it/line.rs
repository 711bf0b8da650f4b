//! A process that stands alone, and plain JSON over one connection to it.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use hubbub_auth::{Minter, NewToken, Secret};
use hubbub_domain::{Clock as _, SystemClock, UserId};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use crate::process::{Serving, hubbub, output, text};

const PATIENCE: Duration = Duration::from_secs(20);

/// A standalone process in a directory of its own.
pub(crate) struct Standalone {
    pub(crate) serving: Serving,
    dir: TempDir,
}

impl Standalone {
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_in(tempdir().expect("a directory"), settings).await
    }

    /// The same in a directory that may have data.
    pub(crate) async fn start_in(dir: TempDir, settings: &[(&str, &str)]) -> Self {
        let mut command = hubbub(dir.path(), &[]);
        command.envs(settings.iter().copied());
        let serving = Serving::start(&mut command, "client").await;
        serving.ready().await;
        Self { serving, dir }
    }

    /// Ends it; its directory.
    pub(crate) async fn stop(self) -> TempDir {
        self.serving.stop().await;
        self.dir
    }

    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub(crate) fn address(&self) -> &str {
        &self.serving.listeners["client"]
    }

    /// A token, as a newcomer gets one.
    pub(crate) async fn token(&self, user: &str) -> String {
        let made = output(&mut hubbub(self.dir(), &["token", "--sub", user])).await;
        text(&made.stdout).trim().to_owned()
    }

    /// Has the gateway see a token for each of these users: they exist from then on.
    pub(crate) async fn known(&self, users: &[&str]) {
        let secret = std::fs::read_to_string(self.dir().join("data/dev-secret")).expect("a secret");
        let minter = Minter::hs256(&Secret::new(secret.trim()), "hubbub", "hubbub").expect("long");
        let client = reqwest::Client::new();
        for user in users {
            let user = UserId::parse(user).expect("a user id");
            let token = NewToken::new(&user, SystemClock.now(), Duration::from_mins(5));
            let token = minter.mint(&token).expect("signed");
            let url = format!("http://{}/v1/me", self.address());
            let answer = client.get(url).bearer_auth(token).send().await.expect("answered");
            assert_eq!(answer.status(), 200, "{user}");
        }
    }

    /// Has these users exist, and show themselves to everybody who shares a room with them.
    pub(crate) async fn shown(&self, users: &[&str]) {
        self.known(users).await;
        for user in users {
            let request = reqwest::Client::new().patch(format!("http://{}/v1/me", self.address()));
            let request = request.bearer_auth(self.token(user).await);
            let shown = request.body(r#"{"presence_to": "everyone"}"#).send().await;
            assert_eq!(shown.expect("answered").status(), 200, "{user}");
        }
    }

    pub(crate) async fn connect(&self) -> Line {
        Line::open(&format!("ws://{}", self.address())).await
    }

    /// Connected and welcomed.
    pub(crate) async fn line(&self, user: &str) -> Line {
        let mut line = self.connect().await;
        let welcome = line.ask(json!({"type": "hello", "token": self.token(user).await})).await;
        assert_eq!(welcome["ok"]["user"], user, "{welcome}");
        line
    }
}

/// One connection, in plain JSON.
pub(crate) struct Line {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
}

impl Line {
    /// To a gateway, without a word so far.
    pub(crate) async fn open(url: &str) -> Self {
        let request = format!("{url}/v1/connect").into_client_request();
        let (socket, _) = connect_async(request.expect("a request")).await.expect("connected");
        Self { socket, next_id: 1 }
    }

    /// To a gateway, and welcomed; with the welcome.
    pub(crate) async fn welcomed(url: &str, token: &str, resume: Value) -> (Self, Value) {
        let mut line = Self::open(url).await;
        let mut hello = json!({"type": "hello", "token": token});
        if !resume.is_null() {
            hello["resume"] = resume;
        }
        let welcome = line.ask(hello).await;
        assert!(welcome["ok"].is_object(), "{welcome}");
        (line, welcome["ok"].clone())
    }

    /// Sends a request and waits for its answer; what was heard before it.
    pub(crate) async fn ask_hearing(&mut self, mut request: Value) -> (Value, Vec<Value>) {
        let id = self.next_id;
        self.next_id += 1;
        request["id"] = json!(id);
        self.say(&request.to_string()).await;
        let mut events = Vec::new();
        loop {
            let heard = self.hear().await;
            if heard["re"] == id {
                return (heard, events);
            }
            events.push(heard);
        }
    }

    /// Sends a request and waits for its answer; events before it are passed over.
    pub(crate) async fn ask(&mut self, request: Value) -> Value {
        self.ask_hearing(request).await.0
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("sent");
    }

    pub(crate) async fn next(&mut self) -> Message {
        let next = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("in time");
        next.expect("open").expect("whole")
    }

    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            match self.next().await {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// Waits for an event of this type.
    pub(crate) async fn event(&mut self, kind: &str) -> Value {
        loop {
            let heard = self.hear().await;
            if heard["type"] == kind {
                return heard;
            }
        }
    }

    /// Waits for the end; its code and reason.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        loop {
            if let Message::Close(Some(frame)) = self.next().await {
                return (frame.code.into(), frame.reason.to_string());
            }
        }
    }
}
