//! The history service: in a process of its own, or within one.

use std::sync::Arc;

use anyhow::Context as _;
use hubbub_bus::Bus;
use hubbub_history::{BindError, History, Server};
use hubbub_runtime::lifecycle::Lifecycle;

use super::{Process, probe::Hold};
use crate::{announce, failure::Failure};

impl Process {
    pub(super) async fn start_history(&self) -> Result<(), Failure> {
        let config = self.settings.history();
        let clock = Arc::clone(&self.clock);
        let server = Server::bind(&config, self.bus()?, clock, &self.lifecycle)
            .await
            .map_err(bind_failure)?;
        self.probe_history(server.history());
        announce::listening(self.role, "grpc", server.local_addr());
        Ok(())
    }

    /// The service in this process, draining in `stage`.
    pub(super) async fn local_history(
        &self,
        bus: Arc<dyn Bus>,
        stage: &Lifecycle,
    ) -> Result<History, Failure> {
        let config = self.settings.history();
        let store = hubbub_history::store::open(&config)
            .await
            .context("the store of the history service")?;
        let history = History::start(&config, store, bus, Arc::clone(&self.clock), stage);
        self.probe_history(&history);
        Ok(history)
    }

    fn probe_history(&self, history: &History) {
        let history = history.clone();
        self.probe("history store", Hold::Follow, move || {
            let history = history.clone();
            async move { history.ping().await }
        });
    }
}

fn bind_failure(error: BindError) -> Failure {
    match error {
        BindError::Config(text) => Failure::config(format_args!("history: {text}")),
        error => Failure::Other(anyhow::Error::from(error).context("the history service")),
    }
}
