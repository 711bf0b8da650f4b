//! The history service over real sockets, on real servers.

mod appending;
mod failover;
mod faults;
mod instance;
mod reading;
mod refusals;
mod streaming;
