//! What guests say, over the bus to all gateways and from there to their guests.

use std::sync::Arc;

use bytes::Bytes;
use hubbub_bus::{Delivery, Publication, Topic};
use hubbub_client_protocol::lobby::{NAMESPACE, Told};
use hubbub_domain::{Code, Fault};
use hubbub_proto::bus::v1::{Envelope, LobbyWord, envelope::Event, lobby_word::Audience};
use prost::Message as _;
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Lobby, guests::Seat};
use crate::socketio::{self, Args};

impl Lobby {
    /// A guest says something to all guests of the cluster, or to some.
    pub(super) async fn speak(
        &self,
        seat: &Seat,
        (told, attachments): (Told, Vec<Bytes>),
        audience: Option<Audience>,
    ) -> Result<(), Fault> {
        let word = word(told, attachments, audience);
        let attached: usize = word.attachments.iter().map(Vec::len).sum();
        let bytes = word.args.len() + attached;
        let bytes_max = self.config.word_bytes_max;
        if bytes > bytes_max {
            let text = format!("the event has more than {bytes_max} bytes");
            return Err(Fault::new(Code::TooLarge, text));
        }
        seat.weigh(bytes, self.config.events_burst)?;
        self.publish(word).await
    }

    /// The lobby itself says something to all.
    pub(super) async fn say(&self, told: Told) -> Result<(), Fault> {
        self.publish(word(told, Vec::new(), None)).await
    }

    async fn publish(&self, word: LobbyWord) -> Result<(), Fault> {
        let envelope = Envelope { event: Some(Event::LobbyWord(word)) };
        let payload = Bytes::from(envelope.encode_to_vec());
        let publication = Publication { topic: Topic::Lobby, payload };
        self.bus.publish(&[publication]).await.map_err(|error| {
            tracing::debug!(%error, "a word of the lobby is lost");
            Fault::unavailable("the lobby cannot be reached for the moment")
        })
    }

    /// Hands what comes over the bus to the guests here. Runs for the life of the gateway.
    pub(crate) async fn listen(self: Arc<Self>, mut feed: mpsc::Receiver<Delivery>) {
        while let Some(delivery) = feed.recv().await {
            match delivery {
                Delivery::Message { payload, .. } => match Envelope::decode(payload) {
                    Ok(Envelope { event: Some(Event::LobbyWord(word)) }) => self.pass_on(word),
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "an envelope that cannot be read"),
                },
                Delivery::Interrupted => {
                    tracing::debug!("the lobby may have missed something");
                }
                Delivery::Resumed => {}
            }
        }
    }

    /// Encoded once for all guests of this gateway. A guest with too much waiting goes without: what is
    /// said here is stored nowhere, and a loud guest must not disconnect the others.
    fn pass_on(&self, word: LobbyWord) {
        let args = serde_json::from_str::<Vec<Value>>(&word.args);
        let Ok(values) = args else {
            tracing::warn!(event = word.event, "a word of the lobby without arguments");
            return;
        };
        let attachments: Vec<Bytes> = word.attachments.into_iter().map(Bytes::from).collect();
        let packet = socketio::event_frames(NAMESPACE, &word.event, &values, &attachments);
        for seat in self.guests.all() {
            if seat.is_meant(word.audience.as_ref()) {
                seat.socket.offer(packet.clone());
            }
        }
    }
}

fn word(told: Told, attachments: Vec<Bytes>, audience: Option<Audience>) -> LobbyWord {
    LobbyWord {
        event: told.name().to_owned(),
        args: Value::from(told.into_args()).to_string(),
        attachments: attachments.into_iter().map(Vec::from).collect(),
        audience,
    }
}

/// A placeholder that names no attachment would end the connections of all who are told it.
pub(super) fn check_placeholders(args: &Args) -> Result<(), Fault> {
    let attachments = args.attachments.len() as u64;
    if attachments == 0 || args.values.iter().all(|value| is_sound(value, attachments)) {
        Ok(())
    } else {
        Err(Fault::bad_request("a placeholder names no attachment"))
    }
}

/// The depth is the packet's, which was bounded when it was read.
fn is_sound(value: &Value, attachments: u64) -> bool {
    match value {
        Value::Object(object) if object.get("_placeholder") == Some(&Value::Bool(true)) => {
            object.get("num").and_then(Value::as_u64).is_some_and(|number| number < attachments)
        }
        Value::Object(object) => object.values().all(|value| is_sound(value, attachments)),
        Value::Array(values) => values.iter().all(|value| is_sound(value, attachments)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::{Args, check_placeholders};

    #[test]
    fn a_placeholder_has_to_name_an_attachment() {
        let args = |value, attachments| Args {
            values: vec![json!({"deep": [value]})],
            attachments: vec![Bytes::from_static(b"x"); attachments],
        };
        let named = |num: serde_json::Value| json!({"_placeholder": true, "num": num});
        assert!(check_placeholders(&args(named(json!(1)), 2)).is_ok());
        for wrong in [json!(2), json!(-1), json!(0.5), json!("0"), json!(null)] {
            assert!(check_placeholders(&args(named(wrong), 2)).is_err());
        }
        assert!(check_placeholders(&args(named(json!(7)), 0)).is_ok(), "nothing is put there");
    }
}
