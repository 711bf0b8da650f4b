//! The vocabulary of the Socket.IO namespace `/chat`: what a client may emit ([`Asked`]), what it is
//! told ([`Told`]), and how far it has come ([`Offset`]). The names and shapes are those of the many
//! apps that were written against a small Socket.IO server; the rules behind are the core's, as for
//! every door. Pure: JSON in, values out, and back.

mod acknowledged;
mod asked;
mod message;
mod offset;
mod refused;
mod told;

pub use acknowledged::{PublicRoomList, ReadSoFar, Refreshed, RoomEntered, RoomLeft, WatchedUsers};
pub use asked::{Asked, HistoryAsked, Posting};
#[cfg(test)]
pub(crate) use asked::{EditAsked, OpenRoom, PostAsked};
pub use message::{ChatRecord, LastMessage, Message, OpenedRoom, Posted};
pub use offset::{Offset, Pid, RoomMark};
pub use refused::{ConnectRefused, Failure, FailureDetails, Refused};
#[cfg(test)]
pub(crate) use told::Typist;
pub use told::{Present, Told};

/// Where conversations are.
pub const NAMESPACE: &str = "/chat";
