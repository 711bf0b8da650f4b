//! The listener in front of everything: accepts connections, bounds them, and hands their requests
//! to a router.
//!
//! - [`Listener`] owns the accept loop, which no error ends, and every HTTP connection;
//! - [`Config`] holds every bound, [`Admission`] the rates of connects;
//! - what a client holds is counted for its address: connections, handshakes, bytes that are not complete;
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
mod holdings;
mod http;
mod listener;
mod metrics;
mod origin;

pub use address::{AddressHeader, ClientAddress, Network, TrustedProxies};
pub use admission::Admission;
pub use answer::refuse;
pub(crate) use answer::{no_such_path, refusing};
pub(crate) use body::{Untaken, take as take_body};
pub use caps::{ConnectionCaps, ConnectionGuard};
pub use config::Config;
pub use connection::{Connection, OpenConnections};
pub(crate) use gate::admit_polling;
pub(crate) use holdings::Unfinished;
pub use listener::{BindError, Listener};
pub use origin::{InvalidOrigin, Origins};
