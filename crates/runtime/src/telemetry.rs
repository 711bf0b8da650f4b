//! Logs and traces: logs to standard error, as lines for people or as JSON for machines; traces over
//! OTLP when an endpoint is set, and otherwise at no cost.
//!
//! Nothing here may hold up the process: the export queue is bounded (what does not fit is dropped and
//! counted by the SDK), and so is the time the last export gets at the end.

use std::{io::IsTerminal as _, time::Duration};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, InMemorySpanExporter, Sampler, SdkTracer,
        SdkTracerProvider,
    },
};
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::Targets, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{config::duration, trace};

/// What the targets of all our crates begin with.
const TRACED: &str = "hubbub";

/// sqlx logs what Postgres says under this target; warnings of Postgres still pass.
const POSTGRES_NOTICES: &str = "sqlx::postgres::notice=warn";

/// How often what was recorded is exported.
const EXPORT_INTERVAL: Duration = Duration::from_secs(1);

/// What is logged and traced, and where it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
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

impl TelemetryConfig {
    /// What can be known to be wrong before anything is set up.
    pub fn validate(&self) -> Result<(), TelemetryError> {
        log_filter(&self.log_filter)?;
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            return Err(TelemetryError::Ratio);
        }
        if self.export_queue_max == 0 {
            return Err(TelemetryError::Queue);
        }
        let endpoint = &self.otlp_endpoint;
        let is_url = ["http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme));
        let can_be_used = is_url && endpoint.parse::<http::Uri>().is_ok();
        if !endpoint.is_empty() && !can_be_used {
            return Err(TelemetryError::Endpoint("it is not http://host:port".to_owned()));
        }
        Ok(())
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
    let filter = log_filter(&config.log_filter)?;
    let exporting = match config.otlp_endpoint.as_str() {
        "" => None,
        _ => Some(provider(config, service)?),
    };
    let traces =
        exporting.as_ref().map(|provider| traces_layer(provider).with_filter(ours()).boxed());
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

/// Records every span in memory, for tests. For the whole process, once; no logs.
pub fn record_in_memory() -> Result<InMemorySpanExporter, TelemetryError> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    tracing_subscriber::registry()
        .with(traces_layer(&provider).with_filter(LevelFilter::INFO))
        .try_init()
        .map_err(|_| TelemetryError::Twice)?;
    trace::enable();
    Ok(exporter)
}

/// The filter of the settings. Notices of Postgres ("relation already exists, skipping"), which sqlx logs as
/// INFO, are for debugging: they are left out below that, unless the filter speaks of sqlx itself.
fn log_filter(text: &str) -> Result<EnvFilter, TelemetryError> {
    let filter = EnvFilter::try_new(text).map_err(|_| TelemetryError::Filter)?;
    let asks_for_them = text.split(',').map(str::trim).any(|directive| {
        directive.starts_with("sqlx")
            || ["debug", "trace"].iter().any(|level| directive.eq_ignore_ascii_case(level))
    });
    if asks_for_them {
        return Ok(filter);
    }
    let warnings = POSTGRES_NOTICES.parse().expect("a directive");
    Ok(filter.add_directive(warnings))
}

fn logs_layer(format: LogFormat) -> Box<dyn Layer<Logged> + Send + Sync> {
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Human => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    }
}

/// The subscriber logs are put on.
type Logged = tracing_subscriber::layer::Layered<Option<BoxedTraces>, Registry>;
type BoxedTraces = Box<dyn Layer<Registry> + Send + Sync>;

fn traces_layer(provider: &SdkTracerProvider) -> OpenTelemetryLayer<Registry, SdkTracer> {
    tracing_opentelemetry::layer().with_tracer(provider.tracer(TRACED))
}

/// Spans of our own crates only: those of the exporter's own connection would trace themselves.
fn ours() -> Targets {
    Targets::new().with_target(TRACED, LevelFilter::INFO)
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
    #[error("telemetry.sample_ratio is not between 0 and 1")]
    Ratio,
    #[error("telemetry.export_queue_max is 0")]
    Queue,
    #[error("telemetry.otlp_endpoint cannot be used: {0}")]
    Endpoint(String),
    #[error("telemetry was set up twice")]
    Twice,
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use axum::{Router, routing::post};
    use http::{HeaderMap, Request, header::CONTENT_TYPE};
    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use tokio::{net::TcpListener, sync::mpsc};

    use super::{Telemetry, TelemetryConfig, log_filter, provider};

    #[test]
    fn notices_of_postgres_are_for_debugging() {
        const NOTICES: &str = "sqlx::postgres::notice=warn";
        for quiet in ["info", "warn,hubbub=debug", "hubbub_history=trace,info"] {
            let filter = log_filter(quiet).expect("valid").to_string();
            assert!(filter.contains(NOTICES), "{quiet}: {filter}");
        }
        for loud in ["debug", "TRACE", "info,sqlx=debug", "info,sqlx::postgres::notice=info"] {
            let filter = log_filter(loud).expect("valid").to_string();
            assert!(!filter.contains(NOTICES), "{loud}: {filter}");
        }
    }

    fn exporting_to(listener: &TcpListener) -> Telemetry {
        let address = listener.local_addr().expect("bound");
        let config = TelemetryConfig {
            otlp_endpoint: format!("http://{address}"),
            sample_ratio: 1.0,
            shutdown_timeout: Duration::from_millis(200),
            ..TelemetryConfig::default()
        };
        let exporting = provider(&config, "hubbub-test").expect("valid");
        exporting.tracer("hubbub").start("work");
        Telemetry { exporting: Some(exporting), shutdown_timeout: config.shutdown_timeout }
    }

    async fn loopback() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").await.expect("a free port")
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_collector_that_never_answers_does_not_hold_up_the_end() {
        let silent = loopback().await;
        let begun = Instant::now();
        exporting_to(&silent).shutdown().await;
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_waits_is_exported_at_the_end() {
        let listener = loopback().await;
        let telemetry = exporting_to(&listener);
        let (exported, mut exports) = mpsc::channel(8);
        let collector = post(async move |request: Request<axum::body::Body>| {
            drop(exported.try_send(request.uri().path().to_owned()));
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, "application/grpc".parse().expect("valid"));
            headers.insert("grpc-status", "0".parse().expect("valid"));
            headers
        });
        let routes = tonic::service::Routes::from(Router::new().route("/{*method}", collector));
        let lifecycle = crate::lifecycle::Lifecycle::new(Duration::from_secs(1));
        let config = crate::grpc::GrpcServerConfig::default();
        lifecycle.spawn("grpc", crate::grpc::serve(listener, routes, &config, &lifecycle));
        telemetry.shutdown().await;
        let path = exports.try_recv().expect("exported");
        assert_eq!(path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    }
}
