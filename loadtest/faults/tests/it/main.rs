//! The rig itself: a short run of it on this very build, and whether it sees what is planted at the wire.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use hubbub_testkit::process::Process;
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// Against hanging only.
const DEADLINE: Duration = Duration::from_mins(20);
/// Every kind of fault comes up once in so many rounds of the short run.
const KINDS: u64 = 34;

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_fault_for_three_minutes_breaks_nothing() {
    let run = run(&["--seed", "20", "--duration", "150s", "--rate", "60"]).await;
    assert!(run.passed, "{}", run.output);
    assert!(run.report["acked"].as_u64() > Some(1_000), "{}", run.output);
    let tried = run.report["by_kind"].as_object().expect("kinds").len() as u64;
    let took_effect = run.report["kinds"].as_u64().expect("a count");
    // How many rounds there are depends on the machine; what is tried is hit, nearly always.
    assert!(took_effect * 2 > tried && tried <= KINDS, "{}", run.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_failovers_lose_what_no_store_holds_and_nothing_else() {
    let run = run(&["--failovers", "2", "--rate", "60"]).await;
    assert!(run.passed, "{}", run.output);
    let figure = |kind: &str, name: &str| run.report[kind][name].as_u64();
    assert_eq!(figure("synchronous", "lost"), Some(0), "{}", run.output);
    assert_eq!(figure("synchronous", "resets"), Some(0), "{}", run.output);
    assert!(figure("asynchronous", "lost") > Some(0), "{}", run.output);
    assert!(figure("asynchronous", "resets") > Some(0), "{}", run.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_that_is_kept_after_a_failover_is_seen() {
    let run = run(&["--failovers", "2", "--rate", "60", "--epoch-kept", "--patience", "20s"]).await;
    assert!(!run.passed, "{}", run.output);
    let breaches = run.report["breaches"].as_array().expect("breaches");
    let forked = breaches.iter().any(|it| it.as_str().is_some_and(|it| it.contains("NotReset")));
    assert!(forked, "{}", run.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_dropped_at_the_wire_are_seen() {
    spoiled("drop", &["lost"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_repeated_at_the_wire_are_seen() {
    spoiled("duplicate", &["duplicated"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_swapped_at_the_wire_are_seen() {
    spoiled("swap", &["lost", "duplicated"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_altered_at_the_wire_are_seen() {
    spoiled("alter", &["altered"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ghost_at_the_wire_is_seen() {
    spoiled("ghost", &["leaked"]).await;
}

/// Without any fault: all that is wrong is what the man in the middle does.
async fn spoiled(how: &str, classes: &[&str]) {
    let run =
        run(&["--spoil", how, "--duration", "15s", "--rate", "200", "--patience", "20s"]).await;
    assert!(!run.passed, "{}", run.output);
    for class in classes {
        assert!(run.report["classes"][class].as_u64() > Some(0), "{class}: {}", run.output);
    }
}

struct Finished {
    passed: bool,
    report: Value,
    output: String,
}

async fn run(arguments: &[&str]) -> Finished {
    let scratch = TempDir::with_prefix("hubbub-faults-").expect("a folder");
    let (out, log) = (scratch.path().join("report.json"), scratch.path().join("log"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_hubbub-faults"));
    command.args(arguments).arg("--hubbub").arg(hubbub()).arg("--out").arg(&out);
    command.env_remove("SEED").env_remove("DURATION");
    let mut process = Process::spawn(command, &log, Signal::SIGTERM, None).expect("started");
    let ended = async {
        loop {
            match process.ended() {
                Some(status) => return status,
                // Between two looks at whether it has ended.
                None => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let status = timeout(DEADLINE, ended).await.expect("it ends");
    let output = std::fs::read_to_string(&log).expect("a log");
    let report = std::fs::read(&out).unwrap_or_else(|_| panic!("no report: {output}"));
    let report = serde_json::from_slice(&report).expect("JSON");
    Finished { passed: status.success(), report, output }
}

/// The program of the workspace's own build, which tests of the whole workspace have made.
fn hubbub() -> PathBuf {
    let here = std::env::current_exe().expect("this test has a path");
    let profile = here.parent().and_then(Path::parent).expect("a target folder");
    let hubbub = profile.join("hubbub");
    assert!(hubbub.is_file(), "build the whole workspace: there is no {}", hubbub.display());
    hubbub
}
