//! The identity service: people and how they prove who they are (accounts, guests, sessions, the keys
//! that tokens are signed with), and how they stand to each other (contacts, blocks).
//!
//! A call goes from `grpc` (parsing) to [`Identity`] (the operation) to the [`store`]. Names, contacts
//! and the turning of keys are judged by pure rules. After the commit the announcer tells the
//! gateways which sessions have ended, and the courier tells the room service who blocks whom,
//! however long that takes. Passwords are kept as argon2id hashes, refresh tokens as SHA-256.

#![expect(
    clippy::duplicate_mod,
    reason = "both adapters read the same statements, each with its own database's types"
)]

mod announcer;
mod attempts;
mod config;
pub mod contacts;
mod courier;
pub mod error;
mod grants;
mod grpc;
mod identity;
mod input;
pub mod keys;
mod metrics;
pub mod model;
mod passwords;
pub mod policy;
mod profile;
mod ring;
mod server;
pub mod store;
mod wire;

pub use config::{
    Accounts, AttemptsConfig, Config, KeysConfig, PasswordConfig, PostgresConfig, SqliteConfig,
};
pub use identity::{Identity, Ports};
pub use server::{BindError, Server};
