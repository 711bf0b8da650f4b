//! Requests for sessions of other gateways, handed on to those who have them: no client needs to come
//! back to the node it began with.
//!
//! - [`Peers`] knows the other nodes and the way to each;
//! - [`Relay`] is what a node offers the others, over gRPC on its internal listener;
//! - a [`FarSocket`] is a WebSocket whose client is connected elsewhere.
//!
//! Invariants: what is under way for one client is bounded by [`WINDOW_BYTES`] each way, and nobody
//! stops reading from the connection between two nodes, so that one client who takes nothing holds up
//! no other; a node that cannot be reached has no sessions.

mod far;
mod peers;
mod pump;
mod service;

pub(crate) use far::FarSocket;
pub use peers::Peers;
pub(crate) use peers::{Peer, Upgrading};
pub(crate) use pump::{Allowance, pump};
pub use service::Relay;

/// Bytes on their way to one client, or from it, that the other side has not taken.
const WINDOW_BYTES: usize = 256 * 1024;
/// What a message counts besides its bytes.
const MESSAGE_BYTES: usize = 256;
/// So many messages fit into a window.
const MESSAGES_MAX: usize = WINDOW_BYTES / MESSAGE_BYTES + 1;
/// Messages that wait for the connection between two nodes.
const QUEUE_MAX: usize = 16;
/// The longest piece of frames in one message.
const PIECE_BYTES_MAX: usize = 64 * 1024;

/// What a message counts.
const fn weight(bytes: usize) -> usize {
    bytes + MESSAGE_BYTES
}
