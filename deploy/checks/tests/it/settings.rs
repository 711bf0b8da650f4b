//! The environment that the chart and the compose file give is one that the binary takes.

use std::{collections::BTreeMap, process::Command};

use hubbub_checks::{containers, pod_of, run, values};

use crate::{image::hubbub, rendering::all};

/// What a secret might hold, by the variable it goes to.
fn secret(name: &str) -> &'static str {
    match name {
        "DATABASE_URL" => "postgres://hubbub:x@db:5432/hubbub",
        "REDIS_URL" => "redis://redis:6379",
        _ => "a secret of more than thirty-two bytes, for tests",
    }
}

/// What the binary says to an environment: its complaints, without those about files of the container.
pub(crate) fn complaints(role: &str, environment: &BTreeMap<String, String>) -> Vec<String> {
    let mut check = Command::new(hubbub());
    check.args(["config", "check", "--role", role]).env_clear().envs(environment);
    let (good, said) = run(&mut check);
    let lines = said.lines().filter(|line| !good && !line.contains("/etc/hubbub/"));
    // The first line only says that there are some.
    lines.skip(1).map(str::to_owned).collect()
}

#[test]
fn the_binary_takes_what_the_chart_sets() {
    let mut seen = 0;
    for rendering in all() {
        for deployment in rendering.of_kind("Deployment") {
            let pod = pod_of(deployment).expect("a pod");
            let container = containers(pod).into_iter().find(|c| c["name"] == "hubbub");
            let container = container.expect("a container");
            let role = container["args"][0].as_str().expect("a role");
            let mut environment = BTreeMap::new();
            for variable in values(&container["env"]) {
                let name = variable["name"].as_str().expect("a name");
                let value = variable["value"].as_str().unwrap_or_else(|| secret(name));
                let before = environment.insert(name.to_owned(), value.to_owned());
                assert_eq!(before, None, "{}: {name} is set twice", rendering.case);
            }
            let wrong = complaints(role, &environment);
            assert_eq!(wrong, Vec::<String>::new(), "{}: {role}", rendering.case);
            seen += 1;
        }
    }
    assert!(seen >= 3 * 12, "only {seen}");
}

#[test]
fn settings_of_a_role_win_over_those_of_all() {
    let deployment = crate::rendering::case("placement").get("Deployment", "hubbub-gateway");
    let container = &pod_of(deployment).expect("a pod")["containers"][0];
    let value = |name: &str| {
        let variable = values(&container["env"]).find(|variable| variable["name"] == name);
        variable.expect("set")["value"].clone()
    };
    assert_eq!(value("HUBBUB_GATEWAY__HUB__GAP_HOLD"), "70ms");
    assert_eq!(value("HUBBUB_GATEWAY__APPEND__LANES"), "64");
    assert_eq!(value("HUBBUB_AUTH__JWKS_ALGORITHMS"), "EdDSA,ES256");
    assert_eq!(value("HUBBUB_TELEMETRY__SAMPLE_RATIO"), "0.25");
}
