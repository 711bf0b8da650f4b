//! A process of one role, or of all of them: put together, run, and ended in order.
//!
//! Drain order, front to back: the gateway and its sessions, then the identity service, then room,
//! then history, then the admin listener, which reports on the others to the last. Nothing listens before the
//! settings were found good.

mod bus;
mod gateway;
mod history;
mod identity;
mod probe;
mod room;
mod standalone;

use std::sync::Arc;

use anyhow::Context as _;
use hubbub_domain::{Clock, SystemClock};
use hubbub_runtime::{
    config::ConfigError,
    health::{self, MetricsPage, Readiness, serve_admin},
    lifecycle::Lifecycle,
    memory, telemetry,
};
use tokio::net::TcpListener;

use crate::{
    announce,
    cli::Role,
    data_dir,
    failure::Failure,
    settings::{Loaded, Settings},
};

/// The version of the package.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs until a signal, or until a task fails.
pub(crate) async fn run(
    role: Role,
    loaded: Result<Loaded<Settings>, ConfigError>,
) -> Result<(), Failure> {
    let settings = loaded?.settings;
    settings.check(role)?;
    let service = format!("hubbub-{}", role.name());
    let telemetry = telemetry::init(&settings.telemetry, &service).map_err(Failure::config)?;
    tracing::info!(version = VERSION, role = role.name(), "hubbub starts");
    // Held until the process ends; the other roles keep no files.
    let _claim = (role == Role::Standalone).then(|| data_dir::claim(&settings)).transpose()?;
    let lifecycle = Lifecycle::new(settings.shutdown.drain_timeout);
    lifecycle.watch_signals().context("cannot listen for signals")?;
    let result = Box::pin(serve(Process::new(role, settings, lifecycle))).await;
    telemetry.shutdown().await;
    result
}

/// A start that is asked to end is not an error; one that fails takes what runs already with it.
async fn serve(process: Process) -> Result<(), Failure> {
    let lifecycle = process.lifecycle.clone();
    let started = lifecycle.drain.run_until_cancelled(Box::pin(process.start())).await;
    if !matches!(started, Some(Ok(()))) {
        lifecycle.drain_all();
    }
    let ended = lifecycle.wait().await;
    started.unwrap_or(Ok(()))?;
    ended.map_err(|failed| Failure::Other(failed.into()))
}

/// What all roles are put together from.
struct Process {
    role: Role,
    settings: Settings,
    /// The stage that drains first.
    lifecycle: Lifecycle,
    readiness: Readiness,
    clock: Arc<dyn Clock>,
}

impl Process {
    fn new(role: Role, settings: Settings, lifecycle: Lifecycle) -> Self {
        let readiness = Readiness::default();
        Self { role, settings, lifecycle, readiness, clock: Arc::new(SystemClock) }
    }

    async fn start(&self) -> Result<(), Failure> {
        let started = self.readiness.condition("started");
        self.give_memory_back();
        self.serve_admin().await?;
        match self.role {
            Role::Standalone => self.start_standalone().await?,
            Role::Gateway => self.start_gateway().await?,
            Role::Room => self.start_room().await?,
            Role::History => self.start_history().await?,
            Role::Identity => self.start_identity().await?,
        }
        started.met();
        Ok(())
    }

    /// What a flood needed does not stay with the process.
    fn give_memory_back(&self) {
        let drain = self.lifecycle.drain.clone();
        self.lifecycle.spawn("memory", async move {
            drain.run_until_cancelled(memory::give_back()).await;
        });
    }

    /// The listener for operators, in the last stage of all.
    async fn serve_admin(&self) -> Result<(), Failure> {
        let page = MetricsPage::install().context("metrics")?;
        health::note_build(VERSION, self.role.name());
        let Some(address) = self.settings.admin.address()? else { return Ok(()) };
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address} (admin.listen)"))?;
        announce::listening(self.role, "admin", listener.local_addr().context("admin")?);
        let last = self.lifecycle.behind();
        let serving = serve_admin(listener, self.readiness.clone(), page, &last);
        last.spawn("admin", serving);
        Ok(())
    }
}
