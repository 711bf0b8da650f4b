//! WebSocket (RFC 6455) for servers, made for very many mostly silent connections.
//!
//! fastwebsockets brings the vocabulary (opcodes, unmasking); reading is ours, because a frame
//! reader that must not be cancelled, caps single frames instead of messages and keeps its buffers
//! does not serve connections that wait for weeks. The parts:
//!
//! - [`Upgrade`] checks the handshake and yields the plain [`Socket`] below hyper;
//! - [`Decoder`] turns bytes into messages: a state machine that knows no socket;
//! - [`encode`] makes a frame once, as `Bytes` that all receivers share;
//! - [`Socket`] reads into a buffer all connections of a thread share, and writes many frames at once.
//!
//! Invariant: a connection with nothing under way holds no buffer. Nothing here spawns a task, and
//! every method that waits may be dropped while it waits.

mod decode;
pub mod encode;
mod header;
mod partial;
mod socket;
mod upgrade;
mod violation;

pub use decode::{Decoder, Limits, Message, Messages};
pub(crate) use socket::Writer;
pub use socket::{FrameQueue, ReadError, Received, Socket, Written};
pub use upgrade::{PendingSocket, Refusal, Upgrade, UpgradeError};
pub use violation::Violation;
