//! Trace context across processes: W3C `traceparent` (https://www.w3.org/TR/trace-context) as text,
//! so that it can travel in gRPC metadata, in an outbox row or in an envelope on the bus.
//!
//! While no trace exporter is configured everything here is one relaxed load and nothing else.

use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{SpanContext, TraceContextExt as _},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The header and metadata key.
pub const TRACEPARENT: &str = "traceparent";

static ENABLED: AtomicBool = AtomicBool::new(false);

/// Whether spans are recorded at all.
pub fn enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

/// Called by `telemetry::init` once the exporting layer stands.
pub(crate) fn enable() {
    ENABLED.store(true, Ordering::Relaxed);
}

/// The `traceparent` of the current span; empty when it is not sampled.
pub fn current_traceparent() -> String {
    if !enabled() {
        return String::new();
    }
    traceparent_of(Span::current().context().span().span_context())
}

fn traceparent_of(context: &SpanContext) -> String {
    if !context.is_valid() || !context.is_sampled() {
        return String::new();
    }
    format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags())
}

/// `span`, continued from where `traceparent` came from. An empty or malformed text leaves it as is.
pub fn span_from(traceparent: &str, span: Span) -> Span {
    set_parent(&span, traceparent);
    span
}

/// Makes the span a child of a remote one. Call it before the span is entered.
pub fn set_parent(span: &Span, traceparent: &str) {
    if !enabled() || traceparent.is_empty() {
        return;
    }
    let context =
        TraceContextPropagator::new().extract_with_context(&Context::new(), &Parent(traceparent));
    if context.span().span_context().is_valid() {
        // Refused only for a span that was entered already; the trace is then cut, nothing worse.
        drop(span.set_parent(context));
    }
}

/// Writes the current span's context into the headers of an outgoing call.
pub(crate) fn inject(headers: &mut HeaderMap) {
    let parent = current_traceparent();
    if let Ok(value) = HeaderValue::from_str(&parent)
        && !parent.is_empty()
    {
        headers.insert(TRACEPARENT, value);
    }
}

/// Makes the span a child of whatever an incoming call names as its parent.
pub(crate) fn set_parent_from(span: &Span, headers: &HeaderMap) {
    if let Some(parent) = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()) {
        set_parent(span, parent);
    }
}

/// A carrier that holds a `traceparent` and nothing else.
struct Parent<'a>(&'a str);

impl Extractor for Parent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}
