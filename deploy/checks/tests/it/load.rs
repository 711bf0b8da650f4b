//! The load test in the cluster reaches what the chart installs.

use hubbub_checks::{objects, repository, values};

use crate::rendering::case;

/// The Services and Secrets that `testrun.yaml` names, in the chart's own rendering.
#[test]
fn the_test_run_names_services_and_secrets_of_the_chart() {
    let file = repository().join("loadtest/k6/kubernetes/testrun.yaml");
    let text = std::fs::read_to_string(file).expect("the test run");
    let run = objects(&text).remove(0);
    let chart = case("values-evaluation");
    let (mut services, mut secrets) = (0, 0);
    for variable in values(&run["spec"]["runner"]["env"]) {
        if variable["name"] == "HUBBUB_URLS" {
            for url in variable["value"].as_str().expect("addresses").split(',') {
                let name = url.strip_prefix("http://").expect("an address in the cluster");
                let service = chart.get("Service", name);
                let mut ports = values(&service["spec"]["ports"]);
                assert!(ports.any(|port| port["port"] == 80), "{name} has no port 80");
                services += 1;
            }
        }
        let reference = &variable["valueFrom"]["secretKeyRef"];
        if let (Some(name), Some(key)) = (reference["name"].as_str(), reference["key"].as_str()) {
            let secret = chart.get("Secret", name);
            assert!(secret["stringData"].get(key).is_some(), "{name} has no {key}");
            secrets += 1;
        }
    }
    assert_eq!((services, secrets), (1, 1));
}
