//! Every metric of the process, as the page Prometheus scrapes.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use parking_lot::Mutex;

use super::process;

/// Buckets for everything that is measured in seconds: from a quarter of a millisecond to ten seconds.
const SECONDS: [f64; 15] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0,
];

/// Buckets for every other histogram: numbers of things, in a batch or a queue.
const COUNTS: [f64; 12] =
    [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 4_096.0];

/// How often samples are folded into their buckets, so that they do not pile up unscraped.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// The recorder behind `metrics::counter!` and its like.
#[derive(Clone)]
pub struct MetricsPage {
    handle: PrometheusHandle,
}

impl MetricsPage {
    /// Makes this the recorder of the whole process. Later calls give the same page.
    /// Histograms named `…_seconds` have buckets of time, all others buckets of numbers.
    pub fn install() -> Result<Self, MetricsPageError> {
        let mut installed = INSTALLED.lock();
        if let Some(handle) = &*installed {
            return Ok(Self { handle: handle.clone() });
        }
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .and_then(|builder| builder.set_buckets(&COUNTS))
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(|error| MetricsPageError(error.to_string()))?;
        process::describe();
        Ok(Self { handle: installed.insert(handle).clone() })
    }

    /// The page as it is now.
    pub fn render(&self) -> String {
        process::observe();
        self.handle.render()
    }

    /// Folds samples into buckets, for ever.
    pub(super) async fn kept(self) {
        let mut ticks = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            ticks.tick().await;
            self.handle.run_upkeep();
        }
    }
}

/// Metrics cannot be recorded.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be recorded: {0}")]
pub struct MetricsPageError(String);
