//! The scenarios of `loadtest/k6` against real clusters: that they work, and that they notice faults. They run
//! under the harness on Node, and also under k6 where the machine has one. Other tests keep the machine busy, so
//! no test here judges a time.

use std::time::Duration;

use hubbub_testkit::{Cluster, GRPC_TOKEN, K6, K6Outcome, K6Runner, Node};

use crate::workload::unlimited;

const PATIENCE: Duration = Duration::from_mins(4);
/// Thresholds on times; each is set out of reach.
const TIMES: [&str; 6] = [
    "ACK_P99_MS",
    "DELIVER_P99_MS",
    "CONNECT_P95_MS",
    "REST_P99_MS",
    "HISTORY_P99_MS",
    "GRPC_P99_MS",
];

/// Runs a scenario to its end. All its thresholds must hold.
async fn run(runner: &K6Runner, scenario: &str, settings: &[(&str, &str)]) {
    let outcome = finish(runner, scenario, settings).await;
    assert!(outcome.passed, "{scenario} under {runner:?}: {}", outcome.output);
}

async fn finish(runner: &K6Runner, scenario: &str, settings: &[(&str, &str)]) -> K6Outcome {
    let mut all: Vec<(&str, String)> = TIMES.map(|name| (name, "60000".to_owned())).into();
    all.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let run = K6::start(runner, scenario, &all).expect("the scenario starts");
    run.finish(PATIENCE).await.expect("the scenario ends")
}

fn addresses(nodes: &[Node], scheme: &str) -> String {
    let addresses = nodes.iter().map(|node| format!("{scheme}{}", node.address()));
    addresses.collect::<Vec<_>>().join(",")
}

/// The harness, and k6 itself where it is installed.
fn runners() -> Vec<K6Runner> {
    [K6Runner::Harness].into_iter().chain(K6Runner::installed()).collect()
}

#[tokio::test]
async fn a_judge_finds_every_planted_fault() {
    for runner in runners() {
        run(&runner, "self-test", &[]).await;
    }
}

/// The thresholds and the exit code tell a failed run from a good one.
#[tokio::test]
async fn a_scenario_that_reaches_no_cluster_fails() {
    let nowhere = [("HUBBUB_ROOM", "127.0.0.1:9"), ("HUBBUB_HISTORY", "127.0.0.1:9")];
    let short = [("RATE", "2"), ("DURATION_SECONDS", "1")];
    let settings = [&nowhere[..], &short].concat();
    let outcome = finish(&K6Runner::Harness, "grpc", &settings).await;
    assert!(!outcome.passed, "{}", outcome.output);
    assert!(outcome.output.contains("FAILED checks: rate==1"), "{}", outcome.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scenarios_hold_on_a_cluster() {
    let cluster = Cluster::start(unlimited()).await.expect("a cluster");
    for runner in runners() {
        hold(&runner, &cluster).await;
    }
}

async fn hold(runner: &K6Runner, cluster: &Cluster) {
    let urls = addresses(&cluster.gateways, "http://");
    let urls = ("HUBBUB_URLS", urls.as_str());
    let short = [urls, ("RAMP_SECONDS", "2"), ("DURATION_SECONDS", "3")];

    run(runner, "smoke", &[urls]).await;
    run(runner, "steady-chat", &[&short[..], &[("CLIENTS", "30"), ("RATE", "30")]].concat()).await;
    let socketio = [("CLIENTS", "20"), ("RATE", "20"), ("DOOR", "socketio")];
    run(runner, "smoke-socketio", &[urls]).await;
    run(runner, "steady-chat", &[&short[..], &socketio].concat()).await;
    run(runner, "big-room", &[&short[..], &[("CLIENTS", "100"), ("RATE", "5")]].concat()).await;
    run(runner, "soak", &[&short[..], &[("CLIENTS", "20"), ("RATE", "20")]].concat()).await;
    let storm = [urls, ("CLIENTS", "100"), ("ADMISSION_SECONDS", "10"), ("DURATION_SECONDS", "3")];
    run(runner, "connect-storm", &storm).await;
    let requests = [urls, ("RATE", "5"), ("DURATION_SECONDS", "3")];
    run(runner, "rest", &requests).await;
    run(runner, "history-paging", &[&requests[..], &[("MESSAGES", "200")]].concat()).await;
    let services = [
        ("HUBBUB_ROOM", addresses(&cluster.rooms, "")),
        ("HUBBUB_HISTORY", addresses(&cluster.histories, "")),
    ];
    let services = services.each_ref().map(|(name, value)| (*name, value.as_str()));
    let token = ("HUBBUB_GRPC_TOKEN", GRPC_TOKEN);
    run(runner, "grpc", &[&requests[..], &services, &[token]].concat()).await;
}

/// The scenario must fail when nothing was restarted: no client had to reconnect, so the run proves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_that_did_not_happen_is_no_success() {
    let cluster = Cluster::start(unlimited()).await.expect("a cluster");
    let urls = addresses(&cluster.gateways, "http://");
    let settings = [("HUBBUB_URLS", urls.as_str()), ("CLIENTS", "10"), ("RATE", "10")];
    let short = [("RAMP_SECONDS", "1"), ("DURATION_SECONDS", "2")];
    let settings = [&settings[..], &short].concat();
    let outcome = finish(&K6Runner::Harness, "rolling-restart", &settings).await;
    assert!(!outcome.passed, "{}", outcome.output);
    assert!(outcome.output.contains("FAILED hubbub_reconnects: count>0"), "{}", outcome.output);
}
