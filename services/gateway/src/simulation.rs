//! Whole worlds in one thread and in virtual time: several gateways (hub, users, sessions, resume, append
//! lanes: the product's own code) over a simulated bus and simulated services, with clients that write
//! down what they see. A seed decides everything: who does what when, what fails, what is late. A
//! world that breaks an invariant is run again, exactly, by its seed (CONTRIBUTING says how).
//!
//! What is simulated: sockets, the bus, and the room and history services, behind their own generated
//! gRPC code. What makes a run repeatable is named in
//! [ADR 5](../../../docs/adr/0005-deterministic-simulation.md).

mod backend;
mod bus;
mod client;
mod dice;
mod door;
mod faults;
mod judge;
pub(crate) mod planted;
mod store;
#[cfg(test)]
mod tests;
mod trace;
mod world;
