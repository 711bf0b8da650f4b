//! Tokens: who a caller is, proved by a signed JSON Web Token (RFC 7519, hardened as RFC 8725 asks).
//!
//! [`Verifier`] checks tokens against keys from the configuration or from the issuer's key set
//! (JWKS); [`Minter`] makes them. This is the only crate that names the token library.
//!
//! What holds for every token that passes: its signature was made with a key we trust, and with the
//! algorithm *that key* is for; it names our issuer and our audience; it has not expired; and its
//! `sub` is a valid user id. Nothing that a token says about itself (`alg`, `kid`, `jku`, `jwk`, …)
//! can widen what is accepted, and no error or log line repeats any part of a token or a key.

mod claims;
mod config;
mod error;
mod issuer;
mod jwks;
mod key;
mod minter;
mod remote;
mod secret;
mod signing;
mod verifier;

pub use claims::{Claims, Profile, Signer};
pub use config::Config;
pub use error::{AuthError, ConfigError, KeyError, MintError};
pub use issuer::{Issuer, Unreachable};
pub use key::Algorithm;
pub use minter::{Minter, NewToken};
pub use secret::Secret;
pub use signing::{SigningKey, key_set};
pub use verifier::Verifier;

/// Bytes of a token at the most; a longer one is refused before any work is done on it.
pub const TOKEN_BYTES_MAX: usize = 8 * 1_024;
