//! The vocabulary of the Socket.IO namespace `/`: a public room for guests, in the words of the
//! tutorials. Pure: JSON in, values out, and back. Binary attachments stay what they are in Socket.IO:
//! placeholders in the JSON and the bytes beside it.

mod asked;
mod guest;
mod told;

pub use asked::{Asked, Fields};
pub use guest::{Guest, Nickname, RoomName};
#[cfg(test)]
pub(crate) use told::{Said, SysMessage, System};
pub use told::{Told, acknowledgement};

/// Where guests are.
pub const NAMESPACE: &str = "/";
