//! One message is one trace: from the sender's request through the room and history services to the
//! gateway that writes it to its recipient.

use std::{sync::Arc, time::Duration};

use hubbub_domain::{Clock, Rev, SystemClock};
use hubbub_gateway::Dependencies;
use hubbub_runtime::{
    config::Secret,
    grpc::{GrpcClientConfig, Transport},
    lifecycle::Lifecycle,
    telemetry,
};
use hubbub_testkit::{Client, eventually, token};
use opentelemetry::trace::SpanId;
use opentelemetry_sdk::trace::SpanData;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

const PATIENCE: Duration = Duration::from_secs(20);

/// Every role with its own listener, in this process, so that one exporter sees all spans.
struct Roles {
    gateways: Vec<String>,
    lifecycle: Lifecycle,
    _dir: TempDir,
}

impl Roles {
    async fn start() -> Self {
        let dir = tempdir().expect("a directory");
        let lifecycle = Lifecycle::new(Duration::from_secs(5));
        let bus = hubbub_bus::local();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let file = |name: &str| Secret::new(format!("sqlite://{}/{name}", dir.path().display()));
        let any = "127.0.0.1:0".parse().expect("an address");

        let config = hubbub_history::Config {
            listen: any,
            database: file("history.db"),
            ..hubbub_history::Config::default()
        };
        let history =
            hubbub_history::Server::bind(&config, Arc::clone(&bus), Arc::clone(&clock), &lifecycle)
                .await
                .expect("history");
        let history = connect(history.local_addr().to_string()).await;

        let config = hubbub_room::Config {
            listen: any,
            database: file("room.db"),
            ..hubbub_room::Config::default()
        };
        let to_bus = Arc::clone(&bus);
        let peers = hubbub_room::Peers { history: history.clone(), identity: None };
        let room =
            hubbub_room::Server::bind(&config, to_bus, peers, Arc::clone(&clock), &lifecycle)
                .await
                .expect("room");
        let room = connect(room.local_addr().to_string()).await;

        let state = hubbub_ephemeral::local(Arc::clone(&clock));
        let mut gateways = Vec::new();
        for _ in 0..2 {
            let mut config = hubbub_gateway::Config::default();
            config.edge.listen = any;
            let dependencies = Dependencies {
                bus: Arc::clone(&bus),
                ephemeral: Arc::clone(&state),
                room: room.clone(),
                history: history.clone(),
                identity: None,
                verifier: hubbub_testkit::verifier(),
                clock: Arc::clone(&clock),
                standalone: None,
            };
            let server = hubbub_gateway::Server::bind(config, dependencies, &lifecycle)
                .await
                .expect("a gateway");
            gateways.push(server.local_address().expect("bound").to_string());
            server.run(&lifecycle);
        }
        Self { gateways, lifecycle, _dir: dir }
    }
}

async fn connect(address: String) -> Transport {
    let config = GrpcClientConfig { address, ..GrpcClientConfig::default() };
    Transport::connect(&config).await.expect("an address")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_is_one_trace_over_all_roles() {
    let exporter = telemetry::record_in_memory().expect("once in this process");
    let roles = Roles::start().await;
    let bob = Client::start("bob", token("bob"), vec![format!("ws://{}", roles.gateways[1])]);
    let room = bob.open_direct("alice").await;

    let url = format!("http://{}/v1/rooms/{room}/messages", roles.gateways[0]);
    let body = json!({"client_id": "1", "body": {"text": "traced"}});
    let sent = reqwest::Client::new().post(url).bearer_auth(token("alice")).body(body.to_string());
    let answer: Value =
        serde_json::from_str(&sent.send().await.expect("answered").text().await.expect("text"))
            .expect("JSON");
    assert_eq!(answer["seq"], 1, "{answer}");
    bob.seen(room, Rev(1), PATIENCE).await;

    let spans = || exporter.get_finished_spans().expect("in memory");
    let wanted = ["request", "GetMembership", "append", "deliver"];
    eventually(PATIENCE, || async {
        let spans = spans();
        wanted.iter().all(|name| spans.iter().any(|span| span.name.contains(name)))
            && chain(&spans).is_some()
    })
    .await;
    let spans = spans();
    let chain = chain(&spans).expect("it was there a moment ago");
    let root = chain.last().expect("not empty");
    assert_eq!((root.name.as_ref(), root.parent_span_id), ("request", SpanId::INVALID));
    let checked = spans.iter().find(|span| {
        span.name.contains("GetMembership")
            && span.span_context.trace_id() == root.span_context.trace_id()
    });
    assert!(checked.is_some(), "the room service's part is in the same trace");
    roles.lifecycle.drain_all();
    roles.lifecycle.wait().await.expect("it ends well");
}

/// From the delivery up to the request.
fn chain(spans: &[SpanData]) -> Option<Vec<&SpanData>> {
    let mut chain = vec![spans.iter().find(|span| span.name == "deliver")?];
    let mut names = Vec::new();
    while let Some(last) = chain.last()
        && last.parent_span_id != SpanId::INVALID
    {
        let parent = last.parent_span_id;
        chain.push(spans.iter().find(|span| span.span_context.span_id() == parent)?);
    }
    names.extend(chain.iter().map(|span| span.name.as_ref()));
    (names == ["deliver", "append", "request"]).then_some(chain)
}
