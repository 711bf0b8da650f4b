//! The load rig: measures real servers over real sockets, ours and those that people use today, side by
//! side, and says which of the goals are met. `loadtest/README.md` says how to run and read it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks")]
#![expect(clippy::cast_precision_loss, reason = "figures for people: 52 bits are enough")]
#![expect(dead_code, reason = "the scenarios that use all of it are landed one by one")]

mod arm;
mod bench;
mod crowd;
mod floor;
mod frame;
mod goals;
mod measure;
mod proc;
mod report;
mod scenario;
mod socket;
mod stores;
mod wire;

use std::{path::PathBuf, process::ExitCode, time::Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Parser, Subcommand};

use crate::{
    bench::{Bench, Peers, Scale},
    scenario::{SCENARIOS, Scenario},
};

/// Measures hubbub and its peers, and judges the goals.
#[derive(Parser)]
#[command(name = "hubbub-bench")]
struct Arguments {
    /// Only this scenario (repeatable).
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How often each figure is taken.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The hubbub program; the one beside this program unless told.
    #[arg(long, value_name = "PATH")]
    hubbub: Option<PathBuf>,
    /// The folder of the Socket.IO server for Node, with its modules installed.
    #[arg(long, value_name = "DIR")]
    socketio_node: Option<PathBuf>,
    /// The program of the socketioxide server.
    #[arg(long, value_name = "PATH")]
    socketioxide: Option<PathBuf>,
    /// Where the report goes.
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    out: PathBuf,
    /// A few seconds, one round, no verdict: only whether the rig works.
    #[arg(long)]
    smoke: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What the rig starts of itself as processes of their own.
#[derive(Subcommand)]
enum Part {
    /// The bare server that the others are compared with.
    #[command(hide = true)]
    Floor { port: u16 },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.part {
        Some(Part::Floor { port }) => floor::serve(port),
        None => run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nhubbub-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(arguments: &Arguments) -> Result<()> {
    let scenarios = chosen(&arguments.only)?;
    let bench = bench(arguments)?;
    let mut measures = Vec::new();
    for scenario in &scenarios {
        let begun = Instant::now();
        println!("{} …", scenario.name);
        let measured = (scenario.run)(&bench).await.context(scenario.name)?;
        println!("{} took {:.0} s", scenario.name, begun.elapsed().as_secs_f64());
        measures.extend(measured);
    }
    let rows = report::write(&measures, &arguments.out)?;
    if bench.scale == Scale::Smoke {
        return Ok(());
    }
    let missed = report::missed(&rows);
    ensure!(missed.is_empty(), "not met: {}", missed.join("; "));
    let absent = report::not_measured(&rows);
    ensure!(!arguments.only.is_empty() || absent.is_empty(), "not measured: {}", absent.join("; "));
    Ok(())
}

fn chosen(only: &[String]) -> Result<Vec<&'static Scenario>> {
    let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    if let Some(unknown) = only.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("there is no scenario {unknown}; there are {}", names.join(", "));
    }
    let wanted =
        |scenario: &&Scenario| only.is_empty() || only.iter().any(|name| name == scenario.name);
    Ok(SCENARIOS.iter().filter(wanted).collect())
}

fn bench(arguments: &Arguments) -> Result<Bench> {
    let beside = std::env::current_exe().context("this program has no path")?;
    let hubbub = arguments.hubbub.clone().unwrap_or_else(|| beside.with_file_name("hubbub"));
    ensure!(hubbub.is_file(), "{} is not there: build it first", hubbub.display());
    let peers = Peers {
        socketio_node: arguments.socketio_node.clone(),
        socketioxide: arguments.socketioxide.clone(),
    };
    let scale = if arguments.smoke { Scale::Smoke } else { Scale::Full };
    let rounds = if arguments.smoke { 1 } else { arguments.rounds };
    ensure!(rounds > 0, "at least one round");
    Ok(Bench { hubbub, peers, rounds, scale })
}
