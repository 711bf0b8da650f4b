//! The bus of a process, and the state that expires by itself: in Redis where one is configured, else
//! within the process.

use std::sync::Arc;

use hubbub_bus::{Bus, BusError};
use hubbub_ephemeral::{Ephemeral, EphemeralError};

use super::Process;
use crate::failure::Failure;

impl Process {
    pub(super) fn bus(&self) -> Result<Arc<dyn Bus>, Failure> {
        let config = self.settings.bus();
        if config.urls.is_empty() {
            return Ok(hubbub_bus::local());
        }
        hubbub_bus::connect(&config).map_err(|error| match error {
            BusError::Config(text) => Failure::config(format_args!("bus: {text}")),
            error @ BusError::Unavailable(_) => Failure::Other(error.into()),
        })
    }

    pub(super) fn ephemeral(&self) -> Result<Arc<dyn Ephemeral>, Failure> {
        let config = self.settings.ephemeral();
        if config.urls.is_empty() {
            return Ok(hubbub_ephemeral::local(Arc::clone(&self.clock)));
        }
        hubbub_ephemeral::connect(&config).map_err(|error| match error {
            EphemeralError::Config(text) => Failure::config(format_args!("bus: {text}")),
            error @ EphemeralError::Unavailable(_) => Failure::Other(error.into()),
        })
    }
}
