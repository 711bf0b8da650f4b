//! One connection to the native door: requests out, answers and events in.

use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::{SinkExt as _, StreamExt as _};
use hubbub_client_protocol::{Command, ErrorView, Event, Request, RequestId, SUBPROTOCOL};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};

/// How long connecting, or one answer, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the server may be silent: it pings more often than that.
const SILENCE_MAX: Duration = Duration::from_mins(1);

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
    /// The server closed, with its code and reason.
    Closed {
        code: u16,
        reason: String,
    },
}

#[derive(Deserialize)]
struct Answer {
    re: Option<u64>,
    ok: Option<Box<RawValue>>,
    error: Option<ErrorView>,
}

impl Link {
    pub(crate) async fn open(url: &str, token: &str) -> anyhow::Result<Self> {
        let mut request = format!("{}/v1/connect", url.trim_end_matches('/'))
            .into_client_request()
            .context("--url is not a WebSocket URL such as ws://127.0.0.1:8080")?;
        let bearer = HeaderValue::try_from(format!("Bearer {token}")).context("the token")?;
        request.headers_mut().insert("authorization", bearer);
        request
            .headers_mut()
            .insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let connecting = tokio::time::timeout(PATIENCE, connect_async(request));
        let (socket, _) = connecting
            .await
            .with_context(|| format!("{url} does not answer"))?
            .with_context(|| format!("cannot connect to {url}"))?;
        Ok(Self { socket, next_id: 1 })
    }

    /// Sends a request; its id.
    pub(crate) async fn ask(&mut self, command: Command) -> anyhow::Result<u64> {
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
    pub(crate) async fn hear(&mut self) -> anyhow::Result<Heard> {
        let message = tokio::time::timeout(SILENCE_MAX, self.socket.next())
            .await
            .context("the server is silent")?
            .context("the connection ended")?
            .context("the connection broke")?;
        match message {
            Message::Text(text) => understand(&text),
            Message::Close(frame) => {
                let (code, reason) =
                    frame.map_or((1005, String::new()), |f| (f.code.into(), f.reason.to_string()));
                Ok(Heard::Closed { code, reason })
            }
            _ => Ok(Heard::Nothing),
        }
    }

    /// Asks, and waits for the answer. Events that come before it go to `event`.
    pub(crate) async fn call<T: for<'a> Deserialize<'a>>(
        &mut self,
        command: Command,
        mut event: impl FnMut(Event),
    ) -> anyhow::Result<Result<T, ErrorView>> {
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
                Heard::Closed { code, reason } => bail!("closed by the server: {code} {reason}"),
                Heard::Answer { .. } | Heard::Nothing => {}
            }
        }
    }
}

fn understand(text: &str) -> anyhow::Result<Heard> {
    if let Ok(event) = serde_json::from_str::<Event>(text) {
        return Ok(Heard::Event(Box::new(event)));
    }
    let Ok(answer) = serde_json::from_str::<Answer>(text) else { return Ok(Heard::Nothing) };
    match (answer.re, answer.ok, answer.error) {
        (Some(id), Some(ok), _) => Ok(Heard::Answer { id, outcome: Ok(ok) }),
        (Some(id), None, Some(error)) => Ok(Heard::Answer { id, outcome: Err(error) }),
        (None, _, Some(error)) => bail!("the server did not understand us: {}", error.message),
        _ => Ok(Heard::Nothing),
    }
}
