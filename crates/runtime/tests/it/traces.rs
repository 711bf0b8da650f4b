//! A trace survives a call from process to process.

use std::sync::OnceLock;

use hubbub_runtime::{telemetry, trace};
use opentelemetry_sdk::trace::InMemorySpanExporter;
use tracing::Instrument as _;

use crate::support::{TestServer, call, connect};

/// Recording is for the whole process: the tests of this file share it.
fn recorded() -> &'static InMemorySpanExporter {
    static RECORDED: OnceLock<InMemorySpanExporter> = OnceLock::new();
    RECORDED.get_or_init(|| telemetry::record_in_memory().expect("set up once"))
}

/// The trace id and the span id of a `traceparent`.
fn ids(traceparent: &str) -> (String, String) {
    let parts = traceparent.split('-').collect::<Vec<_>>();
    assert_eq!(parts.len(), 4, "{traceparent:?}");
    (parts[1].to_owned(), parts[2].to_owned())
}

#[tokio::test]
async fn a_trace_goes_through_a_call() {
    let spans = recorded();
    let server = TestServer::start("a").await;
    let transport = connect(&[&server]).await;
    let span = tracing::info_span!("caller");
    let (outer, inner) = async {
        let inner = call(transport.any(), "Traceparent").await.expect("answered");
        (trace::current_traceparent(), inner)
    }
    .instrument(span)
    .await;
    let (outer_trace, outer_span) = ids(&outer);
    let (inner_trace, inner_span) = ids(&inner);
    assert_eq!(outer_trace, inner_trace);
    assert_ne!(outer_span, inner_span);
    let finished = spans.get_finished_spans().expect("in memory");
    let served = finished
        .iter()
        .find(|span| span.span_context.span_id().to_string() == inner_span)
        .expect("the server's span was recorded");
    assert_eq!(served.name, "test.Test/Traceparent");
    assert_eq!(served.parent_span_id.to_string(), outer_span);
}

#[tokio::test]
async fn a_trace_is_continued_from_text() {
    recorded();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let span = trace::span_from(parent, tracing::info_span!("sweep"));
    let here = span.in_scope(trace::current_traceparent);
    assert_eq!(ids(&here).0, ids(parent).0);
    for nonsense in ["", "00-", "not a traceparent", "00-0-0-0"] {
        let span = trace::span_from(nonsense, tracing::info_span!("sweep"));
        assert_ne!(span.in_scope(trace::current_traceparent), "", "a trace of its own");
    }
}
