//! What the process itself uses, under the names Prometheus clients agree on. Read from `/proc`; where
//! there is none, these metrics are absent.

use std::{sync::LazyLock, time::Instant};

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

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
/// Processor time used, in whole seconds.
const CPU: &str = "process_cpu_seconds_total";
/// Time since the process began to record.
const UPTIME: &str = "process_uptime_seconds";

/// What `/proc/self/stat` counts in: Linux promises 100 per second to user space.
const TICKS_PER_SECOND: u64 = 100;

static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

pub(super) fn describe() {
    LazyLock::force(&BEGUN);
    describe_gauge!(OPEN_FDS, Unit::Count, "Open file descriptors.");
    describe_gauge!(MAX_FDS, Unit::Count, "The most file descriptors that may be open.");
    describe_gauge!(RESIDENT, Unit::Bytes, "Resident memory.");
    describe_gauge!(THREADS, Unit::Count, "Threads of the operating system.");
    describe_gauge!(TASKS, Unit::Count, "Tasks of the runtime that have not ended.");
    describe_counter!(CPU, Unit::Seconds, "Processor time used.");
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
    if let Some(ticks) = cpu_ticks() {
        counter!(CPU).absolute(ticks / TICKS_PER_SECOND);
    }
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

/// `utime` and `stime`: fields 14 and 15 of proc_pid_stat(5), counted from behind the name, which may
/// hold anything.
fn cpu_ticks() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user = fields.next()?.parse::<u64>().ok()?;
    let system = fields.next()?.parse::<u64>().ok()?;
    Some(user + system)
}
