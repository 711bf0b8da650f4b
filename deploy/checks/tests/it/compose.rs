//! The compose file, as the loader inside of docker compose understands it: its schema, its merges, its
//! references; and what it must keep of the chart's promises.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    sync::LazyLock,
};

use hubbub_checks::{repository, run, tool, values};
use serde_json::{Value, json};

use crate::{rendering::case, settings::complaints};

static LOADED: LazyLock<Value> = LazyLock::new(|| {
    let mut compose = Command::new(tool("bin/compose"));
    compose.args(["--format", "json", "compose.yaml"]).current_dir(repository().join("deploy"));
    let (good, said) = run(&mut compose);
    assert!(good, "{said}");
    serde_json::from_str(&said).expect("JSON")
});

fn services() -> impl Iterator<Item = (&'static String, &'static Value)> {
    LOADED["services"].as_object().expect("services").iter()
}

fn ours() -> impl Iterator<Item = (&'static String, &'static Value)> {
    services().filter(|(_, service)| service["image"] == "hubbub")
}

fn environment(service: &Value) -> BTreeMap<String, String> {
    let all = service["environment"].as_object().expect("an environment").iter();
    all.map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned())).collect()
}

#[test]
fn there_is_a_whole_cluster() {
    let names: BTreeSet<&str> = services().map(|(name, _)| name.as_str()).collect();
    for wanted in [
        "gateway-1",
        "gateway-2",
        "room",
        "history",
        "identity",
        "migrate",
        "proxy",
        "postgres",
        "valkey",
        "otel-collector",
        "prometheus",
        "grafana",
    ] {
        assert!(names.contains(wanted), "{wanted} is missing");
    }
}

#[test]
fn the_binary_takes_what_it_is_given() {
    let mut roles = 0;
    for (name, service) in ours() {
        let command = service["command"][0].as_str().expect("a command");
        if ["gateway", "room", "history", "identity"].contains(&command) {
            let wrong = complaints(command, &environment(service));
            assert_eq!(wrong, Vec::<String>::new(), "{name}");
            roles += 1;
        }
    }
    assert_eq!(roles, 5);
}

/// The same names as in the chart: what is learned here holds there.
#[test]
fn the_environment_has_the_names_of_the_chart() {
    let rendering = case("everything");
    for (service, deployment) in [
        ("gateway-1", "hubbub-gateway"),
        ("room", "hubbub-room"),
        ("history", "hubbub-history"),
        ("identity", "hubbub-identity"),
    ] {
        let pod = &rendering.get("Deployment", deployment)["spec"]["template"]["spec"];
        let chart: BTreeSet<&str> = values(&pod["containers"][0]["env"])
            .filter_map(|variable| variable["name"].as_str())
            .collect();
        for name in environment(&LOADED["services"][service]).keys() {
            // How much is traced, and whom a proxy on this machine speaks for, has a default there.
            let own = ["HUBBUB_TELEMETRY__SAMPLE_RATIO", "HUBBUB_GATEWAY__EDGE__TRUSTED_PROXIES"];
            assert!(
                chart.contains(name.as_str()) || own.contains(&name.as_str()),
                "{service}: {name}"
            );
        }
    }
}

#[test]
fn our_containers_have_no_rights_and_nothing_but_loopback_is_published() {
    for (name, service) in ours() {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["user"], "65532:65532", "{name}");
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert_eq!(service["security_opt"], json!(["no-new-privileges:true"]), "{name}");
    }
    for (name, service) in services() {
        for port in values(&service["ports"]) {
            assert_eq!(port["host_ip"], "127.0.0.1", "{name}");
        }
        let image = service["image"].as_str().expect("an image");
        let pinned = image.rsplit('/').next().is_some_and(|last| last.contains(':'));
        assert!(image == "hubbub" || (pinned && !image.ends_with(":latest")), "{image}");
        for volume in values(&service["volumes"]).filter(|volume| volume["type"] == "bind") {
            let source = volume["source"].as_str().expect("a path");
            assert!(Path::new(source).exists(), "{name}: {source} does not exist");
        }
    }
}

/// The proxy, Prometheus, the collector and Grafana name services that are there.
#[test]
fn files_beside_it_name_services_that_are_there() {
    let read = |path: &str| std::fs::read_to_string(repository().join("deploy").join(path));
    let proxy = read("proxy/haproxy.cfg").expect("readable");
    for server in proxy.lines().filter_map(|line| line.trim().strip_prefix("server ")) {
        let name = server.split(' ').next().expect("a name");
        assert_eq!(server, format!("{name} {name}:8080"));
        assert!(LOADED["services"].get(name).is_some(), "{name}");
    }
    assert!(
        proxy.contains("balance roundrobin") && !proxy.contains("cookie"),
        "no sticky sessions"
    );
    let prometheus = hubbub_checks::objects(&read("prometheus/prometheus.yaml").expect("readable"));
    for group in values(&prometheus[0]["scrape_configs"][0]["static_configs"]) {
        for target in values(&group["targets"]).filter_map(Value::as_str) {
            let (name, port) = target.split_once(':').expect("a port");
            assert!(LOADED["services"].get(name).is_some() && port == "7100", "{target}");
        }
    }
    let collector = hubbub_checks::objects(&read("otel/config.yaml").expect("readable"));
    assert_eq!(collector[0]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"], "0.0.0.0:4317");
    for path in ["datasources/prometheus.yaml", "dashboards/hubbub.yaml"] {
        let file = read(&format!("grafana/provisioning/{path}")).expect("readable");
        assert_eq!(hubbub_checks::objects(&file)[0]["apiVersion"], 1);
    }
}
