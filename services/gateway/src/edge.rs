//! The listener in front of everything: accepts connections, bounds them, and hands their requests
//! to a router.
//!
//! - [`Listener`] owns the accept loop, which no error ends, and every HTTP connection;
//! - [`Config`] holds every bound, [`Admission`] the rates of connects;
//! - [`TrustedProxies`] find out who the client is, [`Origins`] whether its page may talk to us;
//! - [`ConnectionCaps`] count a user's connections on this node.
//!
//! A request that reaches the router has passed all of it, and carries a [`ClientAddress`] and its
//! [`Connection`] among its extensions.

mod address;
mod admission;
mod answer;
mod body;
mod caps;
mod config;
mod connection;
mod gate;
mod http;
mod listener;
mod metrics;
mod origin;

pub use address::{AddressHeader, ClientAddress, Network, TrustedProxies};
pub use admission::Admission;
pub use answer::refuse;
pub use caps::{ConnectionCaps, ConnectionGuard};
pub use config::Config;
pub use connection::{Connection, OpenConnections};
pub use listener::{BindError, Listener};
pub use origin::{InvalidOrigin, Origins};
