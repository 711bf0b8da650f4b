//! Engine.IO 4: a connection made of long polls, of a WebSocket, or of the first and then the other.
//! Packets only: what the messages mean is the matter of the [`Protocol`] above.
//!
//! - [`Engine`] answers HTTP requests and knows which session each belongs to;
//! - a session is one task, which owns its transport, its heartbeat and what the protocol keeps for
//!   it; requests reach it through a short queue;
//! - what it has to say waits in the same outbox as that of the native door, as ready WebSocket frames
//!   which everybody shares who gets the same. A poll takes the packets out of their frames.
//!
//! Invariants: a client is never served by two transports at once; what is said leaves in the order in
//! which it was said, over whichever transport; a silent client is gone after one interval and one
//! time-out, counted from the handshake or from its last answer, whatever it asks meanwhile.

mod answer;
mod budget;
mod config;
mod connection;
mod hand;
mod heart;
mod http;
mod older;
mod open;
mod polling;
mod probe;
mod protocol;
mod registry;
mod session;
mod wire;

pub use config::Config;
pub use http::{Engine, Host};
pub use protocol::{Broken, Message, Opening, Outgoing, Protocol, Reason, Request, Session};

pub(crate) use answer::Refused;
pub(crate) use budget::Held;
pub(crate) use protocol::text_frame;
pub(crate) use wire::Carrier;
