//! The kit on the real servers.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod chaos_proxy;
mod servers;
