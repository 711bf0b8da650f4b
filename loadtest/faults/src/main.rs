//! Breaks a cluster again and again while people talk in it, and judges what they saw.
//!
//! `cargo xtask faults` (`make faults`) builds this and the `hubbub` program. A seed decides what breaks
//! when; each round takes one or two faults of the list in [`kind`], proves that they took effect,
//! repairs, and has the checker compare all clients' logs with what is stored. At the end everything
//! the cluster held must have been returned. Nothing it starts outlives it.
#![expect(clippy::print_stdout, reason = "a command-line tool talks")]

mod failovers;
mod injury;
mod judge;
mod kind;
mod load;
mod peer;
mod report;
mod resources;
mod rolling;
mod run;
mod schedule;
mod signs;
mod spoiler;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use serde::Serialize;

use kind::{Blow, Kind, Redis, Role};
use report::Report;
use run::{Plan, Run};
use schedule::{Fault, Opening, Round, Schedule, Target};
use spoiler::Spoil;

/// A run that is shorter has no time for every kind alone.
const LONG: Duration = Duration::from_mins(10);
/// About what a round takes.
const ROUND: Duration = Duration::from_secs(8);

/// Faults under load, judged.
#[derive(Parser)]
struct Arguments {
    /// What breaks when. Without one: a random one, which is printed.
    #[arg(long, env = "SEED")]
    seed: Option<u64>,
    /// How long rounds are begun.
    #[arg(long, env = "DURATION", default_value = "20m", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// Prints the schedule and ends.
    #[arg(long)]
    plan: bool,
    /// Only this round of the seed's, again and again: to look for what it broke.
    #[arg(long)]
    round: Option<usize>,
    /// The program under test; without it the one beside this one.
    #[arg(long)]
    hubbub: Option<PathBuf>,
    /// An older version, mixed with the other one during rolling restarts.
    #[arg(long)]
    old_binary: Option<PathBuf>,
    /// Messages a second, of all clients together.
    #[arg(long, default_value_t = 400.0)]
    rate: f64,
    /// How long healing may take before somebody counts as stuck.
    #[arg(long, default_value = "1m", value_parser = humantime::parse_duration)]
    patience: Duration,
    /// Where the report goes as JSON.
    #[arg(long, default_value = "target/faults/report.json")]
    out: PathBuf,
    /// Plants a bug between clients and gateways instead of faults: the run must fail.
    #[arg(long)]
    spoil: Option<Spoil>,
    /// Postgres fails over so many times instead, every second time to a standby that lacks a tail.
    #[arg(long)]
    failovers: Option<usize>,
    /// Plants a bug: a promoted Postgres goes on in the old epoch. The run must fail.
    #[arg(long, requires = "failovers")]
    epoch_kept: bool,
    /// Two faults on Socket.IO (its folder, with its packages), and the same two on hubbub.
    #[arg(long)]
    peer: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(|| rand::random_range(0..1_000_000));
    let opening = if arguments.duration < LONG { Opening::Pairs } else { Opening::EachAlone };
    println!("seed {seed}, {:?}", arguments.duration);
    if arguments.plan {
        let rounds = arguments.duration.as_secs().div_ceil(ROUND.as_secs());
        for round in Schedule::new(seed, opening).take(usize::try_from(rounds)?) {
            println!("{round}");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let here = std::env::current_exe().context("this program has no path")?;
    let hubbub = arguments.hubbub.unwrap_or_else(|| here.with_file_name("hubbub"));
    ensure!(hubbub.is_file(), "there is no {}", hubbub.display());
    if let Some(failovers) = arguments.failovers {
        let Arguments { rate, patience, epoch_kept, .. } = arguments;
        let plan = failovers::Plan { failovers, hubbub, rate, patience, epoch_kept };
        let report = plan.carry_out().await?;
        println!("{report}");
        let folder = arguments.out.parent().context("a folder")?;
        fs::create_dir_all(folder)?;
        fs::write(&arguments.out, serde_json::to_string_pretty(&report)?)?;
        return Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let run = Run {
        seed,
        plan: match arguments.round {
            None => Plan::Seeded(opening, arguments.duration),
            Some(number) => {
                let round = Schedule::new(seed, opening).nth(number.saturating_sub(1));
                Plan::Repeated(round.context("a schedule has no end")?, arguments.duration)
            }
        },
        hubbub,
        old: arguments.old_binary,
        rate: arguments.rate,
        patience: arguments.patience,
        spoil: arguments.spoil,
    };
    if let Some(folder) = &arguments.peer {
        return compare(&run, folder, &arguments.out).await;
    }
    let report = run.carry_out().await?;
    report.write(&arguments.out)?;
    println!("{report}\nwritten to {}", arguments.out.display());
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Each of the peer's faults, beside what the same does to hubbub.
async fn compare(run: &Run, folder: &Path, out: &Path) -> Result<ExitCode> {
    let theirs = peer::run(folder, run.rate).await?;
    let kinds = [Kind::Redis(Redis::Down), Kind::Process(Role::Gateway, Blow::Kill)];
    let mut passed = true;
    let mut lines = Vec::new();
    for (loss, kind) in theirs.iter().zip(kinds) {
        let target = match kind {
            Kind::Process(..) => Target::Node("gateway-1".to_owned()),
            _ => Target::All,
        };
        let faults = vec![Fault { kind, target }];
        let plan = Plan::Fixed(vec![Round { number: 1, faults, lasting: peer::LASTING }]);
        let ours = Run { plan, ..run.clone() }.carry_out().await?;
        passed &= ours.passed();
        println!("{ours}");
        lines.push(Compared { theirs: loss.clone(), ours });
    }
    println!(
        "{:<28} {:>36} {:>30}",
        "fault", "Socket.IO lost of expected", "hubbub lost of delivered"
    );
    for Compared { theirs, ours } in &lines {
        let peer::Loss { fault, expected, lost, died, .. } = theirs;
        #[expect(clippy::cast_precision_loss, reason = "a percentage")]
        let share = 100.0 * *lost as f64 / (*expected).max(1) as f64;
        let theirs = format!("{lost} of {expected} ({share:.1} %), {died} died");
        let ours = format!("{} of {}", ours.classes["lost"], ours.delivered);
        println!("{fault:<28} {theirs:>36} {ours:>30}");
    }
    let path = out.with_file_name("peer.json");
    fs::create_dir_all(path.parent().context("a folder")?)?;
    fs::write(&path, serde_json::to_string_pretty(&lines)?)?;
    println!("written to {}", path.display());
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same fault on both.
#[derive(Serialize)]
struct Compared {
    theirs: peer::Loss,
    ours: Report,
}
