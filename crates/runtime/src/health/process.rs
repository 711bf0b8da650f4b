//! What the process itself uses, under the names Prometheus clients agree on. Read from `/proc`; where
//! there is none, these metrics are absent.

use std::{sync::LazyLock, time::Instant};

use metrics::{Unit, describe_gauge, gauge};

/// Open file descriptors.
const OPEN_FDS: &str = "process_open_fds";
/// The most that may be open.
const MAX_FDS: &str = "process_max_fds";
/// Memory that is really there.
const RESIDENT: &str = "process_resident_memory_bytes";
/// Threads of the operating system.
const THREADS: &str = "process_threads";
/// Tasks of the runtime that have not ended.
const TASKS: &str = "process_tasks";
/// Processor time used.
const CPU: &str = "process_cpu_seconds_total";
/// When the process began, in seconds since 1970.
const START: &str = "process_start_time_seconds";
/// Time since the process began to record.
const UPTIME: &str = "process_uptime_seconds";

/// What `/proc/self/stat` counts in: Linux promises 100 per second to user space.
const TICKS_PER_SECOND: u64 = 100;

/// Fields of proc_pid_stat(5), by their numbers there.
const UTIME: usize = 14;
const STIME: usize = 15;
const START_TIME: usize = 22;

static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

pub(super) fn describe() {
    LazyLock::force(&BEGUN);
    describe_gauge!(OPEN_FDS, Unit::Count, "Open file descriptors.");
    describe_gauge!(MAX_FDS, Unit::Count, "The most file descriptors that may be open.");
    describe_gauge!(RESIDENT, Unit::Bytes, "Resident memory.");
    describe_gauge!(THREADS, Unit::Count, "Threads of the operating system.");
    describe_gauge!(TASKS, Unit::Count, "Tasks of the runtime that have not ended.");
    describe_gauge!(START, Unit::Seconds, "When the process began, in seconds since 1970.");
    describe_gauge!(UPTIME, Unit::Seconds, "Time since the start.");
}

/// Brings the gauges up to date; called for every scrape.
pub(super) fn observe() {
    gauge!(UPTIME).set(BEGUN.elapsed().as_secs_f64());
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        set(OPEN_FDS, open.count() as u64);
    }
    if let Some(max) = field("/proc/self/limits", "Max open files") {
        set(MAX_FDS, max);
    }
    if let Some(kib) = field("/proc/self/status", "VmRSS:") {
        set(RESIDENT, kib * 1_024);
    }
    if let Some(threads) = field("/proc/self/status", "Threads:") {
        set(THREADS, threads);
    }
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        set(TASKS, runtime.metrics().num_alive_tasks() as u64);
    }
    if let Some(start) = start_time() {
        gauge!(START).set(start);
    }
}

/// Processor time as a family of its own: the counters of `metrics` are whole numbers, and a rate over
/// whole seconds shows loads that there never were.
pub(super) fn cpu_seconds() -> String {
    let Some(ticks) = stat_field(UTIME).zip(stat_field(STIME)).map(|(user, system)| user + system)
    else {
        return String::new();
    };
    format!(
        "# HELP {CPU} Processor time used.\n# TYPE {CPU} counter\n{CPU} {}\n\n",
        in_seconds(ticks)
    )
}

/// The start is counted from the boot of the machine, which `/proc/stat` has as seconds since 1970.
fn start_time() -> Option<f64> {
    let boot = field("/proc/stat", "btime ")?;
    Some(in_seconds(boot * TICKS_PER_SECOND + stat_field(START_TIME)?))
}

#[expect(clippy::cast_precision_loss, reason = "hundredths of a second since 1970 take 38 bits")]
fn in_seconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS_PER_SECOND as f64
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn set(name: &'static str, value: u64) {
    gauge!(name).set(value as f64);
}

/// The first number after a label at the start of a line.
fn field(path: &str, label: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(label))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// A field of `/proc/self/stat`, counted from behind the name (field 2), which may hold anything.
fn stat_field(number: usize) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    text.rsplit_once(')')?.1.split_whitespace().nth(number - 3)?.parse().ok()
}
