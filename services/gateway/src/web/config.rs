//! The settings of the web client.

use serde::{Deserialize, Serialize};

/// Whether the client is served, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether `/` and the addresses below it that no other door knows are the web client's.
    pub enabled: bool,
    /// A folder with a built client, read once at the start. Empty: the one in the binary.
    pub folder: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { enabled: true, folder: String::new() }
    }
}
