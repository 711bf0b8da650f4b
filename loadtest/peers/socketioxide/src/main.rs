//! The chat that hubbub is measured against, on socketioxide with its Redis adapter and Postgres.
//!
//! The same as `../socketio-node`, message for message: a token is checked at the door, `join-room` is
//! acknowledged, `chatMessage` is stored in a transaction of its own, acknowledged after the commit and
//! then emitted to its room. Environment: PORT, DATABASE_URL, REDIS_URL, SECRET.

mod door;
mod lines;
mod store;

use std::{
    env,
    net::Ipv4Addr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::{Context as _, Result};
use axum::{Router, serve::ListenerExt as _};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use socketioxide::{SocketIo, adapter::Emitter, handler::ConnectHandler as _};
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr, drivers::redis::redis_client::Client};
use tokio::{
    net::TcpSocket,
    signal::unix::{SignalKind, signal},
};

use door::Door;
use lines::Lines;

/// How the nodes reach each other.
type Adapter = RedisAdapter<Emitter>;

/// Packets that wait for a slow client; beyond it the library drops what is emitted to it. Its default of
/// 128 loses messages of a burst to a large room.
const PACKETS_WAITING_MAX: usize = 8_192;
/// Everybody may connect at once.
const BACKLOG: u32 = 4_096;

/// How often clients are pinged, when it is not to be the library's default.
fn ping_interval() -> Result<Duration> {
    let millis = env::var("PING_INTERVAL_MS").ok().map(|text| text.parse()).transpose();
    Ok(Duration::from_millis(millis.context("PING_INTERVAL_MS")?.unwrap_or(25_000)))
}

#[tokio::main]
async fn main() -> Result<()> {
    let setting = |name| env::var(name).with_context(|| format!("{name} is not set"));
    let port = setting("PORT")?.parse().context("PORT")?;
    let redis = Client::open(format!("{}?protocol=resp3", setting("REDIS_URL")?))?;
    let adapter = RedisAdapterCtr::new_with_redis(&redis).await?;
    let mut expected = Validation::new(Algorithm::HS256);
    expected.set_issuer(&["hubbub"]);
    expected.set_audience(&["hubbub"]);
    let key = DecodingKey::from_secret(setting("SECRET")?.as_bytes());

    let door = Arc::new(OnceLock::new());
    let (layer, io) = SocketIo::builder()
        .max_buffer_size(PACKETS_WAITING_MAX)
        .max_payload(65_536)
        .ping_interval(ping_interval()?)
        .with_state(Arc::clone(&door))
        .with_adapter::<Adapter>(adapter)
        .build_layer();
    let lines = Lines::open(&setting("DATABASE_URL")?, &io).await?;
    assert!(door.set(Door { key, expected, lines }).is_ok(), "it is set once");
    io.ns("/", door::welcome.with(door::authenticate)).await?;

    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    // Acks are small, and must not wait for the kernel to fill a segment.
    let listener = socket.listen(BACKLOG)?.tap_io(|stream| drop(stream.set_nodelay(true)));
    println!("ready");
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = axum::serve(listener, Router::new().layer(layer)) => ended?,
        _ = terminate.recv() => io.close().await,
    }
    Ok(())
}
