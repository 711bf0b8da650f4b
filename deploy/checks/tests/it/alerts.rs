//! The alerts: parsed and fired by promtool, each with a runbook.

use std::{collections::BTreeSet, fs, process::Command};

use hubbub_checks::{chart, objects, repository, run, values};
use serde_json::Value;

use crate::rendering::case;

/// Where runbooks are read by default.
const RUNBOOKS: &str = "https://github.com/hubbub/hubbub/blob/main/docs/operations.md";
/// What `cases/monitoring.yaml` says.
const OWN_RUNBOOKS: &str = "https://wiki.example.org/hubbub";
/// In every selector of the file: it takes everything, and the chart puts its own names in its place.
const EVERYTHING: &str = r#"namespace=~".*", release=~".*""#;

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
        let runbook = rule["annotations"]["runbook_url"].as_str().expect("a runbook");
        assert_eq!(runbook, format!("{RUNBOOKS}#{}", alert.to_lowercase()));
        assert!(rule["annotations"]["summary"].is_string(), "{alert}");
        assert!(
            ["warning", "critical"].contains(&rule["labels"]["severity"].as_str().unwrap_or(""))
        );
    }
}

/// Names of metrics in an expression that are followed by no selector, or by one of other installations too.
fn unselected(expression: &str, selector: &str) -> Vec<String> {
    let begins =
        |at: &usize| !expression[..*at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let metrics = ["hubbub_", "process_", "up{"];
    let starts = metrics.iter().flat_map(|start| expression.match_indices(start));
    let starts = starts.map(|(at, _)| at).filter(begins);
    let rest = starts.map(|at| &expression[at..]);
    let alone = rest.filter(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        !rest[end..].starts_with(&format!("{{{selector}"))
    });
    alone.map(str::to_owned).collect()
}

#[test]
fn every_rule_keeps_installations_apart() {
    let bare = Vec::<String>::new();
    for (alert, expression) in expressions() {
        assert_eq!(unselected(&expression, EVERYTHING), bare, "{alert}");
        for aggregation in ["sum", "max", "min"] {
            let all = expression.matches(&format!("{aggregation} ")).count()
                + expression.matches(&format!("{aggregation}(")).count();
            let apart = format!("{aggregation} by (namespace, release");
            assert_eq!(expression.matches(&apart).count(), all, "{alert}: {expression}");
        }
    }
    let wrong = r#"sum(hubbub_a{job="x"}) / hubbub_b"#;
    assert_eq!(unselected(wrong, EVERYTHING).len(), 2, "what is wrong is found");
}

#[test]
fn the_chart_brings_the_same_rules_for_its_own_release() {
    let rule = case("monitoring").get("PrometheusRule", "hubbub");
    let brought: Vec<Value> = values(&rule["spec"]["groups"])
        .flat_map(|group| values(&group["rules"]))
        .cloned()
        .collect();
    let own = r#"namespace="chat", release="hubbub""#;
    let expected = rules().into_iter().map(|mut rule| {
        let expression = rule["expr"].as_str().expect("a text").replace(EVERYTHING, own);
        rule["expr"] = expression.replace(r#", job=~".*hubbub.*""#, "").into();
        let runbook = rule["annotations"]["runbook_url"].as_str().expect("a URL");
        rule["annotations"]["runbook_url"] = runbook.replace(RUNBOOKS, OWN_RUNBOOKS).into();
        rule
    });
    assert_eq!(brought, expected.collect::<Vec<_>>());
    for rule in &brought {
        let expression = rule["expr"].as_str().expect("a text");
        assert_eq!(unselected(expression, own), Vec::<String>::new(), "{expression}");
    }
    let monitor = case("monitoring").get("ServiceMonitor", "hubbub");
    let relabelings = &monitor["spec"]["endpoints"][0]["relabelings"];
    let release = values(relabelings).find(|rule| rule["targetLabel"] == "release");
    assert_eq!(release.expect("a label")["replacement"], "hubbub");
    assert_eq!(rule["metadata"]["labels"]["release"], "prometheus");
    assert_eq!(case("monitoring").of_kind("ConfigMap").count(), 3, "dashboards");
}
