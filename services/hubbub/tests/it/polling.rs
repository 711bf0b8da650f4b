//! A Socket.IO client that polls, word for word.

use reqwest::Client;
use serde_json::{Value, json};

pub(crate) struct Polling {
    client: Client,
    url: String,
}

impl Polling {
    pub(crate) async fn open(gateway: &str) -> Self {
        let url = format!("http://{gateway}/socket.io/?EIO=4&transport=polling");
        let client = Client::new();
        let opened = client.get(&url).send().await.expect("answered").text().await.expect("text");
        let handshake: Value = serde_json::from_str(&opened[1..]).expect("a handshake");
        let sid = handshake["sid"].as_str().expect("an id");
        Self { client, url: format!("{url}&sid={sid}") }
    }

    /// Posts a packet; the status.
    pub(crate) async fn say(&self, packet: &str) -> u16 {
        let posted = self.client.post(&self.url).body(packet.to_owned()).send().await;
        posted.expect("answered").status().as_u16()
    }

    /// One poll: the status, and what it brought.
    async fn hear(&self) -> (u16, String) {
        let polled = self.client.get(&self.url).send().await.expect("answered");
        (polled.status().as_u16(), polled.text().await.expect("text"))
    }

    /// Polls until something with these words comes, answering pings. Panics when the session ends before.
    pub(crate) async fn hears(&self, words: &str) -> String {
        loop {
            let (status, heard) = self.hear().await;
            if heard.contains(words) {
                return heard;
            }
            assert_eq!(status, 200, "{heard} without {words}");
            if heard.starts_with('2') {
                self.say("3").await;
            }
        }
    }

    /// Asks to be let into `/chat`; the answer.
    pub(crate) async fn enters(&self, token: &str) -> String {
        assert_eq!(self.say(&format!("40/chat,{}", json!({"token": token}))).await, 200);
        self.hears("/chat,").await
    }

    /// Polls until the session has ended.
    pub(crate) async fn ended(&self) {
        while self.hear().await.0 == 200 {}
    }
}
