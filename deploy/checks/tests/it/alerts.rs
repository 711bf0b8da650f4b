//! The alerts: parsed and fired by promtool, each with a runbook.

use std::{collections::BTreeSet, fs, process::Command};

use hubbub_checks::{chart, objects, repository, run, values};
use serde_json::Value;

use crate::rendering::case;

fn rules() -> Vec<Value> {
    let text = fs::read_to_string(chart().join("files/alerts.yaml")).expect("readable");
    let groups = &objects(&text)[0]["groups"];
    values(groups).flat_map(|group| values(&group["rules"])).cloned().collect()
}

/// Every expression, by the alert's name.
pub(crate) fn expressions() -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    rules().iter().map(|rule| (text(&rule["alert"]), text(&rule["expr"]))).collect()
}

#[test]
fn promtool_takes_every_rule() {
    let file = chart().join("files/alerts.yaml");
    let (good, said) = run(Command::new("promtool").args(["check", "rules"]).arg(file));
    assert!(good, "{said}");
}

/// `alerts.test.yaml` has figures that must raise each alert, and figures that must not.
#[test]
fn every_alert_fires_when_it_shall_and_not_before() {
    let file = repository().join("deploy/checks/alerts.test.yaml");
    let tested = fs::read_to_string(&file).expect("readable");
    for (alert, _) in expressions() {
        assert!(tested.contains(&format!("alertname=\"{alert}\"}})")), "{alert} is never fired");
    }
    let (good, said) = run(Command::new("promtool").args(["test", "rules"]).arg(file));
    assert!(good, "{said}");
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let operations = fs::read_to_string(repository().join("docs/operations.md")).expect("readable");
    let headings: BTreeSet<&str> =
        operations.lines().filter_map(|line| line.strip_prefix("### Hubbub")).collect();
    let alerts: BTreeSet<String> =
        expressions().into_iter().map(|(alert, _)| alert.replacen("Hubbub", "", 1)).collect();
    assert_eq!(alerts.iter().map(String::as_str).collect::<BTreeSet<_>>(), headings);
    for rule in rules() {
        let alert = rule["alert"].as_str().expect("a name");
        let runbook = rule["annotations"]["runbook"].as_str().expect("a runbook");
        assert_eq!(runbook, format!("docs/operations.md#{}", alert.to_lowercase()));
        assert!(rule["annotations"]["summary"].is_string(), "{alert}");
        assert!(
            ["warning", "critical"].contains(&rule["labels"]["severity"].as_str().unwrap_or(""))
        );
    }
}

#[test]
fn the_chart_brings_the_same_rules() {
    let rule = case("monitoring").get("PrometheusRule", "hubbub");
    let brought: Vec<Value> = values(&rule["spec"]["groups"])
        .flat_map(|group| values(&group["rules"]))
        .cloned()
        .collect();
    assert_eq!(brought, rules());
    assert_eq!(rule["metadata"]["labels"]["release"], "prometheus");
    assert_eq!(case("monitoring").of_kind("ConfigMap").count(), 3, "dashboards");
}
