//! Echoes text and binary messages through the gateway's WebSocket layer, for protocol test suites:
//! `cargo run --example websocket_echo -- 9001`. The bounds are wide, as those suites need them.

use std::{collections::VecDeque, error::Error, io, ops::ControlFlow, time::Duration};

use axum::{Router, response::Response, routing::any};
use bytes::Bytes;
use hubbub_gateway::{
    edge::{Config, Listener},
    ws::{Decoder, Limits, Message, ReadError, Received, Socket, Upgrade, Written, encode},
};
use tokio::io::Interest;
use tokio_util::sync::CancellationToken;

const LIMITS: Limits = Limits { message_bytes_max: 64 << 20, fragments_max: 1 << 20 };
const LINGER: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(9001), |port| port.parse())?;
    let config = Config { listen: ([127, 0, 0, 1], port).into(), ..Config::default() };
    let listener = Listener::bind(config)?;
    let router = Router::new().fallback(any(connect));
    listener.serve(router, CancellationToken::new(), CancellationToken::new()).await;
    Ok(())
}

async fn connect(upgrade: Upgrade) -> Response {
    let (response, pending) = upgrade.accept(&[]);
    tokio::spawn(async {
        if let Ok(socket) = pending.socket().await {
            let _ended = echo(socket).await;
        }
    });
    response
}

/// Answers everything that a read brought before the next read.
async fn echo(mut socket: Socket) -> io::Result<()> {
    let mut decoder = Decoder::new(LIMITS);
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
