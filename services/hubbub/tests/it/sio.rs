//! A Socket.IO client over one WebSocket, word for word.

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// A client in one namespace.
pub(crate) struct Sio {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What stands before the data of its packets: nothing, or `/chat,`.
    prefix: &'static str,
    next_id: u64,
}

impl Sio {
    /// In `/chat`, or the `data` of the `connect_error`.
    pub(crate) async fn chat(gateway: &str, token: &str) -> Result<Self, Value> {
        Self::open(gateway, "/chat,", json!({"token": token})).await
    }

    /// In the lobby.
    pub(crate) async fn lobby(gateway: &str) -> Self {
        Self::open(gateway, "", json!({})).await.expect("the lobby is open")
    }

    async fn open(gateway: &str, prefix: &'static str, auth: Value) -> Result<Self, Value> {
        let url = format!("ws://{gateway}/socket.io/?EIO=4&transport=websocket");
        let (socket, _) = connect_async(url).await.expect("connected");
        let mut sio = Self { socket, prefix, next_id: 1 };
        sio.say(format!("40{prefix}{auth}")).await;
        loop {
            let heard = sio.hear().await;
            if heard.starts_with("40") {
                return Ok(sio);
            }
            if let Some(refusal) = heard.strip_prefix(&format!("44{prefix}")) {
                let refusal: Value = serde_json::from_str(refusal).expect("JSON");
                return Err(refusal["data"].clone());
            }
        }
    }

    /// Emits an event and waits for its acknowledgement; events before it are passed over.
    pub(crate) async fn ask(&mut self, event: &str, argument: Value) -> Value {
        self.ask_hearing(event, argument).await.0
    }

    /// Emits an event and waits for its acknowledgement; with the events before it.
    pub(crate) async fn ask_hearing(
        &mut self,
        event: &str,
        argument: Value,
    ) -> (Value, Vec<Value>) {
        let id = self.next_id;
        self.next_id += 1;
        self.say(format!("42{}{id}{}", self.prefix, json!([event, argument]))).await;
        let start = format!("43{}{id}[", self.prefix);
        let mut events = Vec::new();
        loop {
            let heard = self.hear().await;
            if heard.starts_with(&start) {
                let acknowledged: Value =
                    serde_json::from_str(&heard[start.len() - 1..]).expect("JSON");
                return (acknowledged[0].clone(), events);
            }
            events.extend(self.event_in(&heard));
        }
    }

    /// Waits for an event with this name: its arguments.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        loop {
            let heard = self.hear().await;
            let event = self.event_in(&heard).filter(|event| event[0] == name);
            if let Some(event) = event {
                return event;
            }
        }
    }

    fn event_in(&self, packet: &str) -> Option<Value> {
        let event = packet.strip_prefix("42")?.strip_prefix(self.prefix)?;
        Some(serde_json::from_str(event).expect("JSON"))
    }

    /// Waits for the end; its code.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match self.next().await {
                Message::Close(Some(frame)) => return frame.code.into(),
                Message::Close(None) => return 1005,
                _ => {}
            }
        }
    }

    async fn say(&mut self, packet: String) {
        self.socket.send(Message::text(packet)).await.expect("sent");
    }

    async fn hear(&mut self) -> String {
        loop {
            match self.next().await {
                Message::Text(text) if text.as_str() == "2" => self.say("3".to_owned()).await,
                Message::Text(text) => return text.to_string(),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    async fn next(&mut self) -> Message {
        let next = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("in time");
        next.expect("open").expect("whole")
    }
}
