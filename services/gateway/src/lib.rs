//! The gateway: terminates client connections and fans room messages out to them.

pub mod edge;
pub mod ws;
