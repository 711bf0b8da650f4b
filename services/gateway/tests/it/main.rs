//! The gateway over real sockets.

mod edge;
mod ws;
mod ws_client;
mod ws_echo;
mod ws_handshake;
