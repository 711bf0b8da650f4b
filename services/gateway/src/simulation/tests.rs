//! What is run: many worlds, one world twice, and worlds with planted bugs.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use parking_lot::Mutex;

use super::{planted::Bug, trace::Record, world};

/// Seeds in an ordinary run of the tests.
const SEEDS: u64 = 200;

/// `HUBBUB_SIM_FIRST` and `HUBBUB_SIM_SEEDS` choose others; `HUBBUB_SIM_TRACE=1` prints what happened.
#[expect(clippy::disallowed_methods, reason = "it chooses what a test runs")]
fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A world that panics has broken something as well.
fn run(seed: u64, bug: Option<Bug>, written: bool) -> Record {
    catch_unwind(AssertUnwindSafe(|| world::run(seed, bug, written))).unwrap_or_else(|_| Record {
        breaches: vec!["a panic; see above".into()],
        ..Record::default()
    })
}

fn replay(seed: u64) -> String {
    format!(
        "HUBBUB_SIM_FIRST={seed} HUBBUB_SIM_SEEDS=1 HUBBUB_SIM_TRACE=1 cargo test --workspace --lib \
         no_seed_breaks_an_invariant -- --nocapture"
    )
}

#[test]
fn no_seed_breaks_an_invariant() {
    let (first, seeds) = (number("HUBBUB_SIM_FIRST", 0), number("HUBBUB_SIM_SEEDS", SEEDS));
    let written = number("HUBBUB_SIM_TRACE", 0) > 0;
    let next = AtomicU64::new(first);
    let failures = Mutex::new(vec![]);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from).min(4) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    let record = run(seed, None, written);
                    for line in &record.lines {
                        println!("{line}");
                    }
                    if !record.breaches.is_empty() {
                        let breaches = record.breaches.join("\n  ");
                        println!("seed {seed}:\n  {breaches}\n  again: {}", replay(seed));
                        failures.lock().push(seed);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner();
    assert!(failures.is_empty(), "{} of {seeds} seeds: {failures:?}", failures.len());
}

#[test]
fn a_seed_is_the_same_world_every_time() {
    for seed in [1, 42, 1_000_003] {
        let [first, second] = [run(seed, None, true), run(seed, None, true)];
        let differs = first.lines.iter().zip(&second.lines).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.hash, second.hash, "seed {seed}");
    }
    assert_ne!(run(1, None, false).hash, run(2, None, false).hash);
}

/// How many worlds a planted bug may hide in.
const SEARCHED: u64 = 40;

/// The first breach that a planted bug leads to.
fn caught(bug: Bug, expected: &[&str]) {
    let found = (0..SEARCHED).find_map(|seed| {
        let breaches = run(seed, Some(bug), false).breaches;
        breaches.into_iter().find(|breach| expected.iter().any(|kind| breach.contains(kind)))
    });
    assert!(found.is_some(), "{bug:?} hides in {SEARCHED} worlds");
}

#[test]
fn a_forgotten_gap_is_caught() {
    caught(Bug::GapForgotten, &["after the"]);
}

#[test]
fn a_resume_that_is_off_by_one_is_caught() {
    caught(Bug::ResumeOffByOne, &["Missed"]);
}

#[test]
fn a_repetition_after_a_resync_is_caught() {
    caught(Bug::RepeatedAfterResync, &["Repeated"]);
}

#[test]
fn a_catch_up_overtaken_by_live_events_is_caught() {
    caught(Bug::CatchUpOvertaken, &["Missed"]);
}

#[test]
fn a_leave_that_is_not_honoured_is_caught() {
    caught(Bug::LeaveIgnored, &["Unasked", "left"]);
}
