//! What public test suites of Engine.IO 4 and Socket.IO 5 expect of a server:
//! `cargo run --example socketio_fixture -- 3000`.

use std::error::Error;

use hubbub_gateway::edge::Listener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

#[path = "../tests/it/socketio_fixture.rs"]
mod socketio_fixture;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).map_or(Ok(3000), |port| port.parse())?;
    let listener = Listener::bind(socketio_fixture::edge(port))?;
    let abort = CancellationToken::new();
    let tasks = TaskTracker::new();
    let configs = (&socketio_fixture::engine_config(), &socketio_fixture::socketio_config());
    let router = socketio_fixture::router(configs, &listener, &tasks, &abort);
    listener.serve(router, CancellationToken::new(), abort).await;
    Ok(())
}
