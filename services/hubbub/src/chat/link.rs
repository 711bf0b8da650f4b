//! One connection to the native door: requests out, answers and events in.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use futures::{SinkExt as _, StreamExt as _};
use hubbub_client_protocol::{Command, ErrorView, Event, Request, RequestId, SUBPROTOCOL};
use hubbub_runtime::lifecycle;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        self, Message,
        client::IntoClientRequest as _,
        http::{HeaderValue, StatusCode},
    },
};

use super::address::Address;

/// How long connecting, or one answer, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the server may be silent: it pings more often than that.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// Close codes that say: do not come back until something has changed (`docs/protocol.md`).
const FINAL_CODES: std::ops::Range<u16> = 4500..5000;
/// Breaches of WebSocket itself (RFC 6455, section 7.4.1): the same client would commit them again.
const BREACHES: [u16; 5] = [1002, 1003, 1007, 1008, 1009];

pub(crate) struct Link {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
}

/// What the server said.
pub(crate) enum Heard {
    Answer {
        id: u64,
        outcome: Result<Box<RawValue>, ErrorView>,
    },
    Event(Box<Event>),
    /// A ping, or something this client does not know.
    Nothing,
}

/// Why there is no connection any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("closed by the server: {code} {reason}")]
    Closed { code: u16, reason: String },
    #[error("the server refuses the connection: {0}")]
    Refused(StatusCode),
    #[error("{0:#}")]
    Broken(anyhow::Error),
}

impl LinkError {
    /// Whether the same attempt would end in the same way.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Closed { code, .. } => FINAL_CODES.contains(code) || BREACHES.contains(code),
            Self::Refused(status) => {
                let later = [
                    StatusCode::REQUEST_TIMEOUT,
                    StatusCode::TOO_EARLY,
                    StatusCode::TOO_MANY_REQUESTS,
                ];
                !status.is_server_error() && !later.contains(status)
            }
            Self::Broken(_) => false,
        }
    }
}

impl From<anyhow::Error> for LinkError {
    fn from(error: anyhow::Error) -> Self {
        Self::Broken(error)
    }
}

#[derive(Deserialize)]
struct Answer {
    re: Option<u64>,
    ok: Option<Box<RawValue>>,
    error: Option<ErrorView>,
}

impl Link {
    pub(crate) async fn open(address: &Address, token: &str) -> Result<Self, LinkError> {
        let mut request = address.connect().into_client_request().context("the address")?;
        let bearer = HeaderValue::try_from(format!("Bearer {token}")).context("the token")?;
        request.headers_mut().insert("authorization", bearer);
        request
            .headers_mut()
            .insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let connecting = tokio::time::timeout(PATIENCE, connect_async(request));
        let connected = connecting.await.with_context(|| format!("{address} does not answer"))?;
        match connected {
            Ok((socket, _)) => Ok(Self { socket, next_id: 1 }),
            Err(tungstenite::Error::Http(answer)) => Err(LinkError::Refused(answer.status())),
            Err(error) => {
                Err(anyhow!("cannot connect to {address}: {}", lifecycle::causes(&error)).into())
            }
        }
    }

    /// Sends a request; its id.
    pub(crate) async fn ask(&mut self, command: Command) -> Result<u64, LinkError> {
        let id = self.next_id;
        self.next_id += 1;
        let text = Request { id: RequestId::Number(id), command }.encode();
        tokio::time::timeout(PATIENCE, self.socket.send(Message::text(text)))
            .await
            .context("the server takes nothing")?
            .context("the connection broke")?;
        Ok(id)
    }

    /// Says goodbye. A server that is gone already does not mind.
    pub(crate) async fn close(mut self) {
        let _gone = tokio::time::timeout(PATIENCE, self.socket.close(None)).await;
    }

    /// Waits for what the server says next. May be dropped while it waits.
    pub(crate) async fn hear(&mut self) -> Result<Heard, LinkError> {
        let message = tokio::time::timeout(SILENCE_MAX, self.socket.next())
            .await
            .context("the server is silent")?
            .context("the connection ended")?
            .context("the connection broke")?;
        match message {
            Message::Text(text) => Ok(understand(&text)),
            Message::Close(frame) => {
                let (code, reason) =
                    frame.map_or((1005, String::new()), |f| (f.code.into(), f.reason.to_string()));
                Err(LinkError::Closed { code, reason })
            }
            _ => Ok(Heard::Nothing),
        }
    }

    /// Asks, and waits for the answer. Events that come before it go to `event`.
    pub(crate) async fn call<T: for<'a> Deserialize<'a>>(
        &mut self,
        command: Command,
        mut event: impl FnMut(Event),
    ) -> Result<Result<T, ErrorView>, LinkError> {
        let asked = self.ask(command).await?;
        loop {
            match self.hear().await? {
                Heard::Answer { id, outcome } if id == asked => {
                    return match outcome {
                        Ok(ok) => Ok(Ok(serde_json::from_str(ok.get()).context("an answer")?)),
                        Err(error) => Ok(Err(error)),
                    };
                }
                Heard::Event(heard) => event(*heard),
                Heard::Answer { .. } | Heard::Nothing => {}
            }
        }
    }
}

/// An answer to a frame that was no request comes without an id, and a close with the reason follows.
fn understand(text: &str) -> Heard {
    if let Ok(event) = serde_json::from_str::<Event>(text) {
        return Heard::Event(Box::new(event));
    }
    let Ok(answer) = serde_json::from_str::<Answer>(text) else { return Heard::Nothing };
    match (answer.re, answer.ok, answer.error) {
        (Some(id), Some(ok), _) => Heard::Answer { id, outcome: Ok(ok) },
        (Some(id), None, Some(error)) => Heard::Answer { id, outcome: Err(error) },
        _ => Heard::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::http::StatusCode;

    use super::LinkError;

    #[test]
    fn codes_say_whether_to_come_back() {
        let closed = |code| LinkError::Closed { code, reason: String::new() };
        for code in [4500, 4501, 4503, 4505, 4509, 4900, 4999, 1002, 1007, 1008, 1009] {
            assert!(closed(code).is_final(), "{code}");
        }
        for code in [1000, 1001, 1005, 1006, 1011, 1012, 4000, 4003, 4008, 4012, 4400, 4499] {
            assert!(!closed(code).is_final(), "{code}");
        }
        for (status, last) in
            [(401, true), (403, true), (404, true), (301, true), (429, false), (503, false)]
        {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(LinkError::Refused(status).is_final(), last, "{status}");
        }
    }
}
