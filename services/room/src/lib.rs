//! The room service: find-or-create of conversation rooms, membership and roles, and every user's
//! chatRecord.
//!
//! A call goes from `grpc` (parsing) to `rooms` (the operation) to
//! the [`store`]. A change of a room is decided by [`change`] and [`rules`], which are pure, between
//! the store's locked look and its write. After the commit the announcer tells the bus, and the
//! courier takes the change's notices to the history service, however long that takes.

mod acquaintance;
mod announcer;
pub mod blocking;
pub mod change;
mod chats;
mod config;
mod courier;
mod cursor;
pub mod error;
mod grpc;
mod input;
mod joining;
mod metrics;
pub mod model;
mod people;
mod receipts;
mod rooms;
pub mod rules;
mod server;
pub mod store;
mod wire;

pub use config::{Config, PostgresConfig, SqliteConfig};
pub use rooms::{Peers, Ports, Rooms};
pub use server::{BindError, Server};
