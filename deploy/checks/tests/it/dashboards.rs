//! The dashboards: what Grafana needs of them, and that every query is one.

use std::{collections::BTreeSet, fmt::Write as _, fs, process::Command};

use hubbub_checks::{chart, run, values};
use serde_json::Value;

/// Every dashboard, by the name of its file.
fn all() -> Vec<(String, Value)> {
    let folder = fs::read_dir(chart().join("files/dashboards")).expect("readable");
    let mut all: Vec<(String, Value)> = folder
        .flatten()
        .map(|file| {
            let text = fs::read_to_string(file.path()).expect("readable");
            let name = file.file_name().to_string_lossy().into_owned();
            (name, serde_json::from_str(&text).expect("JSON"))
        })
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// Every query, with where it stands.
pub(crate) fn expressions() -> Vec<(String, String)> {
    let mut expressions = Vec::new();
    for (file, dashboard) in all() {
        for panel in values(&dashboard["panels"]) {
            for target in values(&panel["targets"]) {
                let place = format!("{file}: {}", panel["title"].as_str().expect("a title"));
                let expression = target["expr"].as_str().expect("a query");
                expressions.push((place, expression.to_owned()));
            }
        }
    }
    expressions
}

#[test]
fn every_dashboard_can_be_read() {
    let mut seen = BTreeSet::new();
    for (file, dashboard) in all() {
        assert!(seen.insert(dashboard["uid"].to_string()), "{file}: its uid is another's");
        let variables = values(&dashboard["templating"]["list"]).map(|variable| &variable["name"]);
        let expected = ["datasource", "namespace", "release", "instance"];
        assert_eq!(variables.collect::<Vec<_>>(), expected, "{file}");
        let mut ids = BTreeSet::new();
        for panel in values(&dashboard["panels"]) {
            let title = panel["title"].as_str().expect("a title");
            assert!(ids.insert(panel["id"].as_u64()), "{file}: {title}");
            assert!(panel["description"].as_str().is_some_and(|text| !text.is_empty()), "{title}");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
            assert!(values(&panel["targets"]).count() > 0, "{title} asks nothing");
        }
    }
    assert!(seen.len() >= 3);
}

/// What operators were promised to see.
#[test]
fn what_matters_has_a_panel() {
    let asked: String = expressions().into_iter().map(|(_, expression)| expression).collect();
    for metric in [
        "hubbub_gateway_connections_open",
        "hubbub_gateway_deliveries_total",
        "hubbub_gateway_send_seconds_bucket",
        "hubbub_gateway_deliver_seconds_bucket",
        "hubbub_gateway_gap_repairs_total",
        "hubbub_gateway_rooms_compared_total",
        "hubbub_history_outbox_rows",
        "hubbub_history_outbox_oldest_seconds",
        "hubbub_gateway_fell_behind_total",
        "hubbub_history_queued_messages_max",
        "hubbub_gateway_append_queued_messages_max",
        "hubbub_bus_interruptions_total",
        "hubbub_history_postgres_connections_max",
        "hubbub_gateway_drain_remaining",
    ] {
        assert!(asked.contains(metric), "{metric} is on no panel");
    }
}

/// Between two scrapes counters are extrapolated and quantiles interpolated, and a bound is read a moment
/// after what it bounds: what can only be whole, or at most all of it, is shown as that.
#[test]
fn no_panel_shows_what_cannot_be() {
    for (file, dashboard) in all() {
        for panel in values(&dashboard["panels"]) {
            let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().expect("a unit");
            for target in values(&panel["targets"]) {
                let query = target["expr"].as_str().expect("a query");
                let share = unit == "percentunit" && query.contains(" / ");
                assert!(!share || query.starts_with("clamp("), "{file}: more than all: {query}");
                let count =
                    query.contains("histogram_quantile") && !query.contains("_seconds_bucket");
                assert!(!count || query.starts_with("ceil("), "{file}: half a thing: {query}");
                let times = query.contains("increase(");
                assert!(!times || query.starts_with("round("), "{file}: half a time: {query}");
                let selector =
                    r#"{namespace=~"$namespace", release=~"$release", instance=~"$instance""#;
                let selected = query.matches(selector).count();
                assert_eq!(query.matches('{').count(), selected, "{file}: {query}");
            }
        }
    }
}

/// As rules, which promtool parses: the variables are put in as Grafana would.
#[test]
fn every_query_is_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut rules = "groups:\n- name: panels\n  rules:\n".to_owned();
    for (number, (_, expression)) in expressions().into_iter().enumerate() {
        let expression = expression.replace("$__rate_interval", "1m");
        let variables = ["$namespace", "$release", "$instance"];
        let expression = variables.iter().fold(expression, |text, name| text.replace(name, ".*"));
        let expression = serde_json::to_string(&expression).expect("JSON");
        writeln!(rules, "  - record: panel:{number}\n    expr: {expression}").expect("a string");
    }
    let file = dir.path().join("panels.yaml");
    fs::write(&file, rules).expect("written");
    let (good, said) = run(Command::new("promtool").args(["check", "rules"]).arg(file));
    assert!(good, "{said}");
}
