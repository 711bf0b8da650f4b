//! The kit on the real servers.

mod servers;
