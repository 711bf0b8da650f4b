//! The state in Redis: everything is a script, because each question is about time too and the
//! server's clock answers it. All keys of a script carry the same hash tag, so that a Cluster has them
//! in one slot; a key's own TTL is that of the longest-lived thing in it.

mod crowds;
mod link;
mod names;
mod nodes;
mod presence;
mod rates;
mod script;
mod typing;

use crate::{Config, EphemeralError};

use self::{link::Link, script::Scripts};

pub(crate) struct Redis {
    link: Link,
    scripts: Scripts,
    prefix: String,
}

impl Redis {
    pub(crate) fn new(config: &Config) -> Result<Self, EphemeralError> {
        config.validate()?;
        let link = Link::new(config)?;
        Ok(Self { link, scripts: Scripts::load(), prefix: config.prefix.clone() })
    }

    /// The name of a key; what is in the braces decides the slot.
    fn key(&self, tag: &str, rest: &str) -> String {
        format!("{}:{{{tag}}}:{rest}", self.prefix)
    }
}
