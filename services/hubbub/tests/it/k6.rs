//! The scenarios of `loadtest/k6` against real clusters: that they work, that they would notice, and that a
//! rolling restart is what they say it should be. How fast a machine is that also runs other tests says
//! nothing, so no time is judged here.

use std::time::Duration;

use hubbub_testkit::{Balancer, Cluster, ClusterOptions, K6, Node, RolloutTimings, Turn};

use crate::workload::unlimited;

const PATIENCE: Duration = Duration::from_mins(4);
/// Thresholds on times, out of reach.
const TIMES: [&str; 6] = [
    "ACK_P99_MS",
    "DELIVER_P99_MS",
    "CONNECT_P95_MS",
    "REST_P99_MS",
    "HISTORY_P99_MS",
    "GRPC_P99_MS",
];

/// Runs a scenario to its end, which must be that all its thresholds hold.
async fn run(scenario: &str, settings: &[(&str, &str)]) -> String {
    let outcome = start(scenario, settings).finish(PATIENCE).await.expect("k6 ends");
    assert!(outcome.passed, "{scenario}: {}", outcome.output);
    outcome.output
}

fn start(scenario: &str, settings: &[(&str, &str)]) -> K6 {
    let mut all: Vec<(&str, String)> = TIMES.map(|name| (name, "60000".to_owned())).into();
    all.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
    K6::start(scenario, &all).expect("k6 starts")
}

fn addresses(nodes: &[Node], scheme: &str) -> String {
    let addresses = nodes.iter().map(|node| format!("{scheme}{}", node.address()));
    addresses.collect::<Vec<_>>().join(",")
}

#[tokio::test]
async fn a_judge_finds_every_planted_fault() {
    run("self-test", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scenarios_hold_on_a_cluster() {
    let cluster = Cluster::start(unlimited()).await.expect("a cluster");
    let urls = addresses(&cluster.gateways, "http://");
    let urls = ("HUBBUB_URLS", urls.as_str());
    let short = [urls, ("RAMP_SECONDS", "2"), ("DURATION_SECONDS", "3")];

    run("smoke", &[urls]).await;
    run("steady-chat", &[&short[..], &[("CLIENTS", "30"), ("RATE", "30")]].concat()).await;
    let socketio = [("CLIENTS", "20"), ("RATE", "20"), ("DOOR", "socketio")];
    run("smoke-socketio", &[urls]).await;
    run("steady-chat", &[&short[..], &socketio].concat()).await;
    run("big-room", &[&short[..], &[("CLIENTS", "100"), ("RATE", "5")]].concat()).await;
    run("soak", &[&short[..], &[("CLIENTS", "20"), ("RATE", "20")]].concat()).await;
    let storm = [urls, ("CLIENTS", "100"), ("ADMISSION_SECONDS", "10"), ("DURATION_SECONDS", "3")];
    run("connect-storm", &storm).await;
    let requests = [urls, ("RATE", "5"), ("DURATION_SECONDS", "3")];
    run("rest", &requests).await;
    run("history-paging", &[&requests[..], &[("MESSAGES", "200")]].concat()).await;
    let services = [
        ("HUBBUB_ROOM", addresses(&cluster.rooms, "")),
        ("HUBBUB_HISTORY", addresses(&cluster.histories, "")),
    ];
    let services = services.each_ref().map(|(name, value)| (*name, value.as_str()));
    let token = ("HUBBUB_GRPC_TOKEN", "a token that the roles share");
    run("grpc", &[&requests[..], &services, &[token]].concat()).await;
}

/// The scenario is there to fail when something is wrong: here nobody restarts anything, so nobody ever has
/// to come back, and it must say that it has proved nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_that_did_not_happen_is_no_success() {
    let cluster = Cluster::start(unlimited()).await.expect("a cluster");
    let urls = addresses(&cluster.gateways, "http://");
    let settings = [("HUBBUB_URLS", urls.as_str()), ("CLIENTS", "10"), ("RATE", "10")];
    let short = [("RAMP_SECONDS", "1"), ("DURATION_SECONDS", "2")];
    let load = start("rolling-restart", &[&settings[..], &short].concat());
    let outcome = load.finish(PATIENCE).await.expect("k6 ends");
    assert!(!outcome.passed, "{}", outcome.output);
    assert!(outcome.output.contains("FAILED hubbub_reconnects: count>0"), "{}", outcome.output);
}

/// As `cargo xtask rolling-restart` does it, with shorter times.
#[tokio::test(flavor = "multi_thread")]
async fn three_gateways_are_replaced_and_nobody_comes_back_twice() {
    let timings = RolloutTimings {
        ready_for: Duration::from_secs(1),
        endpoints_lag: Duration::from_millis(200),
        pre_stop: Duration::from_secs(4),
        grace: Duration::from_secs(30),
    };
    let options = ClusterOptions { gateways: 3, spares: 3, ..unlimited() };
    let mut cluster = Cluster::start(options).await.expect("a cluster");
    let balancer = Balancer::start(Turn::RoundRobin).await.expect("a balancer");
    cluster.gateways.iter().for_each(|gateway| balancer.admit(gateway.address()));
    let urls = format!("http://{}", balancer.address());
    let settings = [("HUBBUB_URLS", urls.as_str()), ("CLIENTS", "60"), ("RATE", "60")];
    let short = [
        ("RAMP_SECONDS", "3"),
        ("DURATION_SECONDS", "25"),
        ("SPIKE_FROM_SECONDS", "5"),
        ("SPIKE_TO_SECONDS", "15"),
    ];
    let load = start("rolling-restart", &[&settings[..], &short].concat());
    let rolling = async {
        // The load should be under way.
        tokio::time::sleep(Duration::from_secs(6)).await;
        cluster.roll_gateways(&balancer, timings).await.expect("the rollout");
    };
    let ((), outcome) = tokio::join!(rolling, load.finish(PATIENCE));
    let outcome = outcome.expect("k6 ends");
    assert!(outcome.passed, "{}", outcome.output);
}
