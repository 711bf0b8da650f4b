//! The listener in front of everything: accepts, bounds, and hands requests to a router.

mod answer;
mod connection;

pub use answer::refuse;
pub use connection::Connection;
