//! The verifier and the minter from outside: bad tokens, key confusion, and an issuer's key set
//! behind a real HTTP server.

mod bad_tokens;
mod configuration;
mod key_confusion;
mod key_set;
mod minting;
mod properties;
mod support;
