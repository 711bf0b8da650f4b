//! The runtime as roles use it: over real sockets and with real files.

mod config;
mod health;
mod lifecycle;
mod server;
mod support;
mod tls;
mod traces;
mod transport;
