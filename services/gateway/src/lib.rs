//! The gateway: terminates client connections and fans room messages out to them.
//!
//! `edge` lets connections in, `ws` speaks WebSocket; `native` is the door for `hubbub.v1+json`,
//! `rest` the one for single requests; `engineio` and `socketio` speak those protocols to what
//! stands on them: `chat_door`, the namespace for conversations, and `lobby`, the public room for
//! guests, which knows nothing of the rest. All other doors stand on `core`, which carries out requests
//! by calling the room and history services (`backends`, `appender`) and keeps sessions true to their
//! rooms (`hub`) and users (`users`). What holds for the moment only (`presence`, `typing`, `rates`) is
//! shared with the other gateways through state that expires by itself, and told over the bus (`tidings`).
//!
//! Nothing here cannot be rebuilt: a client may go to any other gateway and continue.

mod appender;
mod backends;
mod chat_door;
mod config;
mod core;
mod crowds;
pub mod edge;
pub mod engineio;
mod examples;
mod grants;
mod hub;
mod internal;
mod lobby;
mod metrics;
mod native;
mod people;
mod presence;
mod quotas;
mod rates;
mod rebalance;
mod receipts;
mod registry;
pub mod relay;
mod rest;
mod server;
mod session;
#[cfg(test)]
mod simulation;
pub mod socketio;
mod socketio_door;
mod steady;
mod tidings;
mod topics;
mod typing;
mod upkeep;
mod users;
mod views;
mod web;
pub mod ws;

pub use config::{Config, DrainConfig, Elsewhere, Switch};
pub use grants::Grants;
pub use server::{BindError, Dependencies, Server};
