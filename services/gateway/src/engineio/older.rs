//! Clients of Engine.IO 3 (`socket.io-client` 2 and older), which are refused.
//!
//! The HTTP status of a refused handshake reaches no handler of such a client: it only learns that the
//! transport failed, and tries again for ever. So the refusal is a session of its own: a handshake in the
//! spelling of revision 3, an error packet of Socket.IO 2 that says what to do, which the client hands to
//! its `error` handlers, and a disconnection, after which it does not come back by itself.

use axum::response::Response;
use hubbub_client_protocol::engineio::Packet;

use super::answer;
use crate::{
    session::{Ending, Wire},
    ws::{Socket, encode},
};

/// The revision that clients name in the query.
pub(super) const REVISION: &str = "3";

/// What the application of such a client is told.
const REASON: &str = "Unsupported protocol version: this server speaks Socket.IO 3 and 4 \
                      (Engine.IO 4). Use a newer client, such as socket.io-client 4.";

/// The packets, in order. Namespaces that a disconnection does not name stay with the error.
fn packets() -> Vec<String> {
    let open = r#"{"sid":"refused","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
    let reason = serde_json::json!(REASON).to_string();
    let error = format!("4{reason}");
    let messages = [error.as_str(), "1", "1/chat"].map(|text| Packet::Message(text).encode());
    std::iter::once(Packet::Open(open).encode()).chain(messages).collect()
}

/// The body of a poll: each packet behind its length in UTF-16 units.
pub(super) fn refused_poll() -> Response {
    let mut body = String::new();
    for packet in packets() {
        let units = packet.encode_utf16().count().to_string();
        body.extend([units.as_str(), ":", &packet]);
    }
    answer::payload(body)
}

/// Says it over a WebSocket, and ends it.
pub(super) async fn refuse(socket: Socket) {
    // Nothing is read from it.
    let mut wire = Wire::new(socket, 0);
    for packet in packets() {
        wire.push(encode::text(&packet));
    }
    wire.close(Ending::Done).await;
}
