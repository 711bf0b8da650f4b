//! A server that sends every message back: what the tests here talk to, and what
//! `examples/websocket_echo.rs` offers to protocol test suites.

use std::{collections::VecDeque, io, ops::ControlFlow, time::Duration};

use axum::{Router, routing::any};
use bytes::Bytes;
use hubbub_gateway::ws::{
    Decoder, Limits, Message, ReadError, Received, Socket, Upgrade, Written, encode,
};
use tokio::io::Interest;

const LINGER: Duration = Duration::from_secs(2);

/// Echoes on every path.
pub(crate) fn router(limits: Limits) -> Router {
    Router::new().fallback(any(async move |upgrade: Upgrade| {
        let (response, pending) = upgrade.accept(&["echo.v2", "echo.v1"]);
        // The test or the example owns the task by ending its runtime.
        tokio::spawn(async move {
            let Ok(socket) = pending.socket().await else { return };
            let _ended = echo(socket, limits).await;
        });
        response
    }))
}

/// Answers everything that a read brought before the next read.
async fn echo(mut socket: Socket, limits: Limits) -> io::Result<()> {
    let mut decoder = Decoder::new(limits);
    let mut queue = VecDeque::new();
    loop {
        socket.readable().await?;
        let received = socket.read_into(&mut decoder, |message| {
            queue.extend(reply(message));
            ControlFlow::Continue(())
        });
        match received {
            Ok(Received::End) => return Ok(()),
            Ok(_) if decoder.is_finished() => break,
            Ok(_) => {}
            Err(ReadError::Violation(violation)) => {
                queue.push_back(encode::close(violation.close_code(), &violation.to_string()));
                break;
            }
            Err(ReadError::Io(error)) => return Err(error),
        }
        while let Written::Some { .. } = socket.try_write(&mut queue)? {
            socket.ready(Interest::WRITABLE).await?;
        }
    }
    socket.close(queue, LINGER).await;
    Ok(())
}

fn reply(message: Message<'_>) -> Option<Bytes> {
    match message {
        Message::Text(text) => Some(encode::text(text)),
        Message::Binary(bytes) => Some(encode::binary(bytes)),
        Message::Ping(payload) => Some(encode::pong(payload)),
        Message::Pong(_) => None,
        Message::Close { code: Some(code), .. } => Some(encode::close(code, "")),
        Message::Close { code: None, .. } => Some(encode::close_without_code()),
    }
}
