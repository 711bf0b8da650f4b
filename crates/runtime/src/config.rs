//! Where settings come from; see [`Secret`] and [`duration`] for the two types they need.

pub mod duration;
mod secret;

pub use secret::Secret;
