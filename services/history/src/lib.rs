//! The history service: gives every message its place in its room, keeps it, and pages it out again.
//!
//! An append goes `grpc` (one call, or `appends`, many in one) → `validate` → `lane` → `worker` (group
//! commit) → [`store`], and behind the ack `publisher` → bus. What the bus was not told, the `sweeper` tells
//! it. Edits, deletions and reactions are `changing`; reads go straight to the [`store`].

mod appends;
mod changing;
mod config;
mod envelope;
mod error;
mod grpc;
mod history;
mod lane;
mod metrics;
mod publisher;
pub mod rules;
mod server;
pub mod store;
mod sweeper;
mod validate;
mod worker;

pub use config::{AppendConfig, Config, PostgresConfig, ReactionBounds, SqliteConfig, SweepConfig};
pub use history::History;
pub use server::{BindError, Server};
