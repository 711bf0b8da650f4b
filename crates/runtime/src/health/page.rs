//! Every metric of the process, as the page Prometheus scrapes.

use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use parking_lot::Mutex;

use super::process;

/// Buckets for everything that is measured in seconds: from a quarter of a millisecond to beyond every
/// time-out that a call, a handshake or a transaction has, so that quantiles do not end at the last bucket.
const SECONDS: [f64; 19] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0, 60.0, 120.0, 300.0,
];

/// Buckets for every other histogram: numbers of things in a batch, up to more than a queue holds.
const COUNTS: [f64; 15] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 2_048.0, 4_096.0, 16_384.0,
    65_536.0,
];

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
        super::describe();
        crate::grpc::describe_metrics();
        Ok(Self { handle: installed.insert(handle).clone() })
    }

    /// The page as it is now.
    pub fn render(&self) -> String {
        process::observe();
        with_units(&(self.handle.render() + &process::cpu_seconds()))
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

/// The units that a name may end with (before `_total`).
const UNITS: [&str; 3] = ["seconds", "bytes", "ratio"];

/// The page with a `# UNIT` line for each family that has one, as OpenMetrics writes it. Readers of the
/// older text format take the line for a comment.
fn with_units(page: &str) -> String {
    let mut out = String::with_capacity(page.len() + page.len() / 16);
    for line in page.split_inclusive('\n') {
        if let Some((name, _)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let base = name.strip_suffix("_total").unwrap_or(name);
            if let Some((_, unit)) = base.rsplit_once('_')
                && UNITS.contains(&unit)
            {
                out.extend(["# UNIT ", name, " ", unit, "\n"]);
            }
        }
        out.push_str(line);
    }
    out
}

/// Metrics cannot be recorded.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be recorded: {0}")]
pub struct MetricsPageError(String);

#[cfg(test)]
mod tests {
    use super::with_units;

    #[test]
    fn units_stand_before_the_type() {
        let page = "# HELP a_seconds_total x\n# TYPE a_seconds_total counter\na_seconds_total 1\n\n\
                    # TYPE b_bytes gauge\nb_bytes 2\n# TYPE c_total counter\nc_total 3\n";
        let with = "# HELP a_seconds_total x\n# UNIT a_seconds_total seconds\n\
                    # TYPE a_seconds_total counter\na_seconds_total 1\n\n# UNIT b_bytes bytes\n\
                    # TYPE b_bytes gauge\nb_bytes 2\n# TYPE c_total counter\nc_total 3\n";
        assert_eq!(with_units(page), with);
    }
}
