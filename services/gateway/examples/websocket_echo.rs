//! Echoes text and binary messages through the gateway's WebSocket layer, for protocol test suites:
//! `cargo run --example websocket_echo -- 9001`. The bounds are wide, as those suites need them.

use std::{error::Error, num::NonZeroU32};

use hubbub_gateway::{
    edge::{Config, Listener},
    ws::Limits,
};
use tokio_util::sync::CancellationToken;

#[path = "../tests/it/ws_echo.rs"]
mod ws_echo;

const LIMITS: Limits = Limits { message_bytes_max: 64 << 20, fragments_max: 1 << 20 };

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(9001), |port| port.parse())?;
    let listen = ([127, 0, 0, 1], port).into();
    let config = Config {
        listen,
        // Suites connect as fast as they can, and some as pages of another host.
        connects_per_address_per_second: NonZeroU32::MAX,
        allowed_origins: vec!["*".into()],
        ..Config::default()
    };
    let listener = Listener::bind(config)?;
    listener
        .serve(ws_echo::router(LIMITS), CancellationToken::new(), CancellationToken::new())
        .await;
    Ok(())
}
