//! `hubbub-bench --smoke`: servers start, clients come, nothing is lost, the report is written.

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

#[test]
fn fan_out_is_measured_and_reported() {
    let (report, folder) = bench(&["--only", "fan-out"]);
    let measures = report["measures"].as_array().expect("a list");
    let cpu = measures
        .iter()
        .find(|it| it["what"] == "CPU per delivery, room of 20, one at a time")
        .expect("a measure of the smoke run");
    for arm in ["hubbub", "hubbub-socketio", "floor"] {
        let series = cpu["arms"].as_array().expect("a list");
        let series = series.iter().find(|it| it["arm"] == arm).expect("all of ours run");
        assert!(series["rounds"][0].as_f64().expect("a figure") > 0.0, "{series}");
    }
    assert_eq!(report["goals"][0]["verdict"], "not_measured");
    let plot = folder.path().join("fan-out-cpu-per-delivery-one-at-a-time.svg");
    let plot = fs::read_to_string(plot).expect("a plot");
    assert!(plot.contains("hubbub") && plot.contains("floor"), "{plot}");
}

/// What is acked is stored, both ways to a chat list give the same, and nothing missed in an outage of Redis
/// stays missing: the scenarios fail otherwise.
#[test]
fn the_stores_are_measured() {
    let (report, _folder) =
        bench(&["--only", "appends", "--only", "chat-list", "--only", "resubscribe"]);
    let measures = report["measures"].as_array().expect("a list");
    let queries = measures.iter().find(|it| it["what"] == "queries per chat list");
    assert_eq!(queries.expect("measured")["arms"][0]["rounds"][0], 2.0);
    let appends = measures.iter().find(|it| it["what"] == "CPU per append at 12,000/s");
    let arms = appends.expect("measured")["arms"].as_array().expect("a list");
    let names: Vec<_> = arms.iter().map(|it| it["arm"].as_str().expect("a name")).collect();
    assert_eq!(names, ["hubbub", "one-per-transaction"]);
}

#[test]
fn connections_are_measured() {
    let scenarios = ["idle", "stalled", "two-gateways"];
    let (report, _folder) = bench(&scenarios.map(|name| ["--only", name]).concat());
    let measures = report["measures"].as_array().expect("a list");
    for (scenario, what, arm) in [
        ("idle", "memory per idle session", "hubbub"),
        ("idle", "memory per idle session", "hubbub-socketio"),
        ("storm", "CPU per session let in", "hubbub"),
        ("storm", "CPU per session let in", "hubbub-socketio"),
        ("stalled", "p99 of the healthy", "stalled"),
        ("two-gateways", "deliveries per CPU-second", "two-gateways"),
    ] {
        let it = |it: &&Value| it["scenario"] == scenario && it["what"] == what;
        let measure = measures.iter().find(it).expect(what);
        let series = measure["arms"].as_array().expect("a list");
        assert!(series.iter().any(|series| series["arm"] == arm), "{measure}");
    }
}

#[test]
fn a_scenario_that_does_not_exist_is_named() {
    let program = env!("CARGO_BIN_EXE_hubbub-bench");
    let output = Command::new(program).args(["--only", "dance"]).output().expect("it starts");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("there is no scenario dance; there are fan-out"), "{said}");
}

/// The report of a smoke run, and the folder it is in.
fn bench(arguments: &[&str]) -> (Value, TempDir) {
    let program = Path::new(env!("CARGO_BIN_EXE_hubbub-bench"));
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(program)
        .args(["--smoke", "--out"])
        .arg(folder.path())
        .arg("--hubbub")
        .arg(program.with_file_name("hubbub"))
        .args(arguments)
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", String::from_utf8_lossy(&output.stdout));
    let report = fs::read_to_string(folder.path().join("bench.json")).expect("a report");
    (serde_json::from_str(&report).expect("JSON"), folder)
}
