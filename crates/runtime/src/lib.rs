//! What every role needs to run, and nothing of what any role is about: configuration, telemetry,
//! an orderly end, health, and gRPC on both sides of a call.
//!
//! A composition root takes these in order: [`config::load`], [`telemetry::init`], a
//! [`lifecycle::Lifecycle`], listeners, [`grpc::serve`] and [`health::serve_admin`], and at last
//! [`lifecycle::Lifecycle::wait`].

pub mod config;
pub mod grpc;
pub mod health;
pub mod jitter;
pub mod lifecycle;
mod listen;
pub mod memory;
pub mod shares;
pub mod telemetry;
pub mod trace;
