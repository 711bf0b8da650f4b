//! Judges what clients saw. From the clients' own logs, and the rooms as they were read at the end, it
//! names every broken invariant with the messages concerned. It knows nothing of how hubbub works,
//! and is itself tested with planted bugs.

mod breach;
mod log;
mod verdict;

pub use breach::Breach;
pub use log::{ClientLog, Entry};
pub use verdict::{Absence, Evidence, check};

#[cfg(test)]
mod planted_bugs;
