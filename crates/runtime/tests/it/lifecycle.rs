//! Draining in stages, aborting, and tasks that fail: the process ends as it should.

use std::{sync::Arc, time::Duration};

use hubbub_runtime::lifecycle::{Lifecycle, TaskFailed};
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::support::PATIENCE;

#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<&'static str>>>);

impl Diary {
    fn write(&self, line: &'static str) {
        self.0.lock().push(line);
    }
}

#[tokio::test]
async fn drains_stage_after_stage_and_ends_well() {
    let lifecycle = Lifecycle::new(PATIENCE);
    let last = lifecycle.behind();
    // Made later, and nearer to the front all the same.
    let middle = lifecycle.behind();
    let diary = Diary::default();
    for (stage, name) in [(&last, "last"), (&middle, "middle"), (&lifecycle, "front")] {
        let (drain, diary) = (stage.drain.clone(), diary.clone());
        stage.spawn(name, async move {
            drain.cancelled().await;
            tokio::task::yield_now().await;
            diary.write(name);
        });
    }
    lifecycle.drain_all();
    assert_eq!(timeout(PATIENCE, lifecycle.wait()).await.expect("in time"), Ok(()));
    assert_eq!(*diary.0.lock(), ["front", "middle", "last"]);
    assert!(!lifecycle.abort.is_cancelled());
}

#[tokio::test]
async fn a_drain_that_takes_too_long_is_aborted() {
    let lifecycle = Lifecycle::new(Duration::from_millis(20));
    let abort = lifecycle.abort.clone();
    lifecycle.spawn("slow", async move { abort.cancelled().await });
    lifecycle.drain_all();
    assert_eq!(timeout(PATIENCE, lifecycle.wait()).await.expect("in time"), Ok(()));
}

/// What is said while the drain goes on: the tasks of the stage that drains, and no others.
#[tokio::test(start_paused = true)]
async fn a_drain_says_what_it_waits_for() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let lifecycle = Lifecycle::new(PATIENCE);
    let behind = lifecycle.behind();
    behind.spawn("store", behind.drain.clone().cancelled_owned());
    // Virtual time: the length of the drain is the subject.
    lifecycle.spawn("sessions", tokio::time::sleep(Duration::from_secs(5)));
    lifecycle.drain_all();
    assert_eq!(lifecycle.wait().await, Ok(()));
    let log = String::from_utf8(log.0.lock().clone()).expect("UTF-8");
    let reports = log.lines().filter(|line| line.contains("still draining waits_for=sessions×1"));
    assert_eq!(reports.count(), 2, "after one second, and after two more: {log}");
    assert!(!log.contains("store"), "it does not drain yet: {log}");
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_task_that_ignores_everything_does_not_hold_the_process() {
    let lifecycle = Lifecycle::new(Duration::from_millis(20));
    lifecycle.spawn("deaf", std::future::pending::<()>());
    lifecycle.drain_all();
    assert_eq!(timeout(PATIENCE, lifecycle.wait()).await.expect("in time"), Ok(()));
}

#[tokio::test]
async fn a_failure_takes_the_process_down_and_keeps_its_causes() {
    let lifecycle = Lifecycle::new(PATIENCE);
    let drain = lifecycle.drain.clone();
    lifecycle.behind().spawn("store", async {
        let cause = std::io::Error::other("disk full");
        Err::<(), _>(Box::new(Wrapped(cause)))
    });
    lifecycle.spawn("bystander", async move { drain.cancelled().await });
    let ended = timeout(PATIENCE, lifecycle.wait()).await.expect("in time");
    let reason = "the store stopped: disk full".to_owned();
    assert_eq!(ended, Err(TaskFailed { task: "store", reason }));
}

#[tokio::test]
async fn a_panic_takes_the_process_down() {
    let lifecycle = Lifecycle::new(PATIENCE);
    lifecycle.spawn("careless", async { assert_eq!(1, 2, "on purpose") });
    let failed = timeout(PATIENCE, lifecycle.wait()).await.expect("in time").expect_err("panicked");
    assert!(failed.to_string().starts_with("careless failed: panicked: "), "{failed}");
    assert!(failed.to_string().contains("on purpose"), "{failed}");
}

#[tokio::test]
async fn a_task_that_is_done_early_is_simply_done() {
    let lifecycle = Lifecycle::new(PATIENCE);
    lifecycle.spawn("errand", async { Ok::<(), std::io::Error>(()) });
    tokio::task::yield_now().await;
    assert!(!lifecycle.drain.is_cancelled());
}

#[derive(Debug)]
struct Wrapped(std::io::Error);

impl std::fmt::Display for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the store stopped")
    }
}

impl std::error::Error for Wrapped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
