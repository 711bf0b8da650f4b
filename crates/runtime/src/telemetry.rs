//! Logs and traces: logs to standard error, as lines for people or as JSON for machines; traces over
//! OTLP when an endpoint is set, and otherwise at no cost.
//!
//! Nothing here may hold up the process: the export queue is bounded (what does not fit is dropped and
//! counted by the SDK), and so is the time the last export gets at the end.

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, InMemorySpanExporter, Sampler, SdkTracerProvider,
    },
};
use serde::{Deserialize, Serialize};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::Targets, layer::SubscriberExt as _, registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use crate::{config::duration, trace};

/// Spans of our own crates only: those of the exporter's own connection would trace themselves.
const TRACED: &str = "hubbub";

/// How often what was recorded is exported.
const EXPORT_INTERVAL: Duration = Duration::from_secs(1);

/// What is logged and traced, and where it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    pub log_format: LogFormat,
    /// In the syntax of `RUST_LOG`, which sets it too.
    pub log_filter: String,
    /// `http://host:port` of an OTLP collector (gRPC); empty: no traces.
    pub otlp_endpoint: String,
    /// The share of traces begun here that is recorded, 0 to 1. What others began, they decided.
    pub sample_ratio: f64,
    /// Spans that wait for their export; one more is dropped.
    pub export_queue_max: usize,
    /// How long one export may take.
    #[serde(with = "duration")]
    pub export_timeout: Duration,
    /// How long the last export may hold up the end of the process.
    #[serde(with = "duration")]
    pub shutdown_timeout: Duration,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log_format: LogFormat::Human,
            log_filter: "info".to_owned(),
            otlp_endpoint: String::new(),
            sample_ratio: 0.01,
            export_queue_max: 4_096,
            export_timeout: Duration::from_secs(5),
            shutdown_timeout: Duration::from_secs(2),
        }
    }
}

/// Who reads the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Human,
    Json,
}

/// Keeps what exports traces; see [`shutdown`](Self::shutdown).
#[derive(Debug)]
#[must_use = "spans that wait for their export are lost without a shutdown"]
pub struct Telemetry {
    exporting: Option<SdkTracerProvider>,
    shutdown_timeout: Duration,
}

/// Sets logs and traces up for the whole process, once, inside of the runtime. `service` is the name
/// traces go under: `hubbub-gateway`.
pub fn init(config: &TelemetryConfig, service: &str) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_new(&config.log_filter).map_err(|_| TelemetryError::Filter)?;
    let exporting = match config.otlp_endpoint.as_str() {
        "" => None,
        _ => Some(provider(config, service)?),
    };
    let traces = exporting.as_ref().map(traces_layer);
    tracing_subscriber::registry()
        .with(traces)
        .with(logs_layer(config.log_format).with_filter(filter))
        .try_init()
        .map_err(|_| TelemetryError::Twice)?;
    if exporting.is_some() {
        trace::enable();
    }
    Ok(Telemetry { exporting, shutdown_timeout: config.shutdown_timeout })
}

impl Telemetry {
    /// Exports what waits, within `shutdown_timeout`.
    pub async fn shutdown(self) {
        let Some(provider) = self.exporting else { return };
        let timeout = self.shutdown_timeout;
        // The SDK waits on a thread of its own, and would block this one.
        let done = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(timeout));
        if let Ok(Err(error)) = done.await {
            tracing::warn!(%error, "the last traces were not exported");
        }
    }
}

/// Records every span of our own crates in memory, for tests. For the whole process, once; no logs.
pub fn record_in_memory() -> Result<InMemorySpanExporter, TelemetryError> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    tracing_subscriber::registry()
        .with(traces_layer(&provider))
        .try_init()
        .map_err(|_| TelemetryError::Twice)?;
    trace::enable();
    Ok(exporter)
}

fn logs_layer(format: LogFormat) -> Box<dyn Layer<Logged> + Send + Sync> {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Human => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    }
}

/// The subscriber logs are put on.
type Logged = tracing_subscriber::layer::Layered<Option<BoxedTraces>, Registry>;
type BoxedTraces = Box<dyn Layer<Registry> + Send + Sync>;

fn traces_layer<S>(provider: &SdkTracerProvider) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    let ours = Targets::new().with_target(TRACED, LevelFilter::INFO);
    tracing_opentelemetry::layer().with_tracer(provider.tracer(TRACED)).with_filter(ours).boxed()
}

fn provider(config: &TelemetryConfig, service: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(&config.otlp_endpoint)
        .with_timeout(config.export_timeout)
        .build()
        .map_err(|error| TelemetryError::Endpoint(error.to_string()))?;
    let queue = BatchConfigBuilder::default()
        .with_max_queue_size(config.export_queue_max)
        .with_max_export_batch_size(config.export_queue_max.min(512))
        .with_scheduled_delay(EXPORT_INTERVAL)
        .build();
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample_ratio)));
    Ok(SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(queue).build())
        .with_sampler(sampler)
        .with_resource(Resource::builder().with_service_name(service.to_owned()).build())
        .build())
}

/// Telemetry cannot be set up as configured.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("telemetry.log_filter is not in the syntax of RUST_LOG")]
    Filter,
    #[error("telemetry.otlp_endpoint cannot be used: {0}")]
    Endpoint(String),
    #[error("telemetry was set up twice")]
    Twice,
}
