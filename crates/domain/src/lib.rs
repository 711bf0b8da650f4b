//! What hubbub is about: rooms, messages, their places in an order, and the bounds on all of it.
//!
//! Everything here is pure: no runtime, no I/O, no clock of its own. Values are checked when they
//! are made (`RoomId`, `UserId`, `Body`, …), so that whoever holds one need not check it again.

mod body;
mod change;
mod fault;
mod flaw;
mod id;
pub mod limits;
mod link;
pub mod names;
mod order;
mod room;
mod schema;
mod time;

pub use body::{Attachment, Body};
pub use change::{Change, ChangeKind, Message, MessageKind, Reaction, SystemNotice};
pub use fault::{Code, Fault};
pub use flaw::Flaw;
pub use id::{ClientId, MessageId, RoomId, SUBSTITUTE, UserId};
pub use link::Link;
pub use order::{Head, Rev, Seq};
pub use room::{Role, RoomKind, RoomState, direct_pair};
pub use time::{Clock, SystemClock, Timestamp};
