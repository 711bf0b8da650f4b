//! Breaks a cluster again and again while people talk in it, and judges what they saw.
//!
//! `hubbub-chaos [rounds] [seed]`, with the `hubbub` program beside it. Each round takes one or two
//! faults from the table of [`fault`], lets them last a moment, repairs, and waits until every
//! message is acknowledged and every client has seen everything. At the end the checker compares
//! all logs with what is stored. The seed says which faults: a run can be repeated, up to timing.
#![expect(clippy::print_stdout, reason = "a command-line tool talks")]

mod fault;
mod load;

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use hubbub_testkit::{Cluster, ClusterOptions};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::time::{Instant, sleep};

use fault::Fault;
use load::Load;

const CLIENTS: usize = 24;
const ROOMS: usize = 8;
/// People talk before the fault, during it, and this long after the repair.
const AROUND: Duration = Duration::from_millis(300);
/// Once everything is repaired.
const HEALING: Duration = Duration::from_mins(1);

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let rounds = arguments.next().transpose().context("rounds")?.unwrap_or(20);
    let seed = arguments.next().transpose().context("seed")?.unwrap_or_else(rand::random);
    println!("{rounds} rounds, seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut cluster = Cluster::start(options()?).await?;
    let load = Load::start(&cluster, CLIENTS, ROOMS).await;

    let mut counts = BTreeMap::new();
    for round in 1..=rounds {
        let faults: Vec<_> =
            (0..random.random_range(1..=2)).map(|_| Fault::any(&cluster, &mut random)).collect();
        let lasting = Duration::from_millis(random.random_range(50..3_000));
        for fault in &faults {
            *counts.entry(fault.kind()).or_insert(0) += 1;
        }
        let (result, ()) = tokio::join!(suffer(&mut cluster, &faults, lasting), load.talk());
        result.with_context(|| format!("round {round}: {faults:?}"))?;
        let repaired = Instant::now();
        let healed = load.caught_up(HEALING).await;
        println!(
            "round {round}: {faults:?} for {lasting:?}, healed after {:?}",
            repaired.elapsed()
        );
        if let Err(laggard) = healed {
            println!("{laggard}");
            break;
        }
    }
    let verdict = load.judge().await;
    println!("{counts:?}\n{verdict}");
    Ok(if verdict.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn suffer(cluster: &mut Cluster, faults: &[Fault], lasting: Duration) -> Result<()> {
    sleep(AROUND).await;
    for fault in faults {
        fault.inflict(cluster, lasting).await?;
    }
    sleep(lasting).await;
    fault::repair_all(cluster).await
}

fn options() -> Result<ClusterOptions> {
    let here = std::env::current_exe().context("this program has no path")?;
    let options = ClusterOptions::two_of_each(here.with_file_name("hubbub"))
        .proxied()
        .with("HUBBUB_GATEWAY__USERS__SENDS_PER_SECOND", "100000")
        .with("HUBBUB_GATEWAY__USERS__SENDS_BURST", "100000")
        .with("HUBBUB_GATEWAY__USERS__REQUESTS_PER_SECOND", "100000")
        .with("HUBBUB_GATEWAY__USERS__REQUESTS_BURST", "100000")
        .with("HUBBUB_GATEWAY__EDGE__CONNECTS_PER_ADDRESS_PER_SECOND", "100000")
        // One-way silence is noticed by nothing but pings.
        .with("HUBBUB_GATEWAY__SESSION__PING_INTERVAL", "2s")
        .with("HUBBUB_GATEWAY__SESSION__PING_TIMEOUT", "2s")
        .with("HUBBUB_GATEWAY__DRAIN__NOTICE", "0s")
        .with("HUBBUB_GATEWAY__DRAIN__WINDOW", "2s");
    Ok(options)
}
