//! The gateway over real sockets.

mod edge;
mod edge_bounds;
mod engine_client;
mod engineio;
mod engineio_upgrade;
mod held;
mod relay;
mod socketio;
mod socketio_fixture;
mod ws;
mod ws_client;
mod ws_echo;
mod ws_handshake;
