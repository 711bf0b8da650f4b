//! Three gateways behind one address are replaced by three others, the way the chart does it and with its
//! timings, while k6 lets people talk. `cargo xtask rolling-restart` builds this and starts it; arguments are
//! settings of the scenario (`CLIENTS=1000`).
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks")]

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hubbub_testkit::{Balancer, Cluster, ClusterOptions, K6, RolloutTimings, Turn};

const GATEWAYS: usize = 3;
/// When the rollout begins: people have come and talk by then.
const UNDER_WAY: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_mins(10);

/// The chart's, as it is without further settings (helm/hubbub/values.yaml).
const CHART: RolloutTimings = RolloutTimings {
    ready_for: Duration::from_secs(5),
    endpoints_lag: Duration::from_secs(1),
    pre_stop: Duration::from_secs(5),
    grace: Duration::from_secs(95),
};
/// What the chart tells a gateway of its drain.
const DRAIN: [(&str, &str); 4] = [
    ("HUBBUB_GATEWAY__DRAIN__NOTICE", "5s"),
    ("HUBBUB_GATEWAY__DRAIN__WINDOW", "60s"),
    ("HUBBUB_GATEWAY__DRAIN__PATIENCE", "10s"),
    ("HUBBUB_SHUTDOWN__DRAIN_TIMEOUT", "90s"),
];

#[tokio::main]
async fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(told: Vec<String>) -> Result<()> {
    let mut settings = Vec::new();
    for word in &told {
        let (name, value) = word.split_once('=').with_context(|| {
            format!("{word:?} is no setting: CLIENTS=1000 (loadtest/k6/README.md lists them)")
        })?;
        settings.push((name, value.to_owned()));
    }
    let here = std::env::current_exe().context("this program has no path")?;
    println!("starting Postgres, Redis, {GATEWAYS} gateways and two of each other role");
    let two_of_each = ClusterOptions::two_of_each(here.with_file_name("hubbub"));
    let options = ClusterOptions { gateways: GATEWAYS, spares: GATEWAYS, ..two_of_each };
    let options = DRAIN.iter().fold(options, |options, (name, value)| options.with(name, value));
    let mut cluster = Cluster::start(options).await?;
    let balancer = Balancer::start(Turn::RoundRobin).await?;
    cluster.gateways.iter().for_each(|gateway| balancer.admit(gateway.address()));
    settings.push(("HUBBUB_URLS", format!("http://{}", balancer.address())));

    println!("k6 begins; the rollout begins {} s later", UNDER_WAY.as_secs());
    let load = K6::start("rolling-restart", &settings)?;
    let rolling = async {
        // The load should be under way.
        tokio::time::sleep(UNDER_WAY).await;
        let begun = Instant::now();
        cluster.roll_gateways(&balancer, CHART).await?;
        println!("the rollout took {:.1} s", begun.elapsed().as_secs_f64());
        anyhow::Ok(())
    };
    let (rolled, outcome) = tokio::join!(rolling, load.finish(PATIENCE));
    rolled.context("the rollout")?;
    let outcome = outcome?;
    println!("{}", outcome.output);
    ensure!(outcome.passed, "the clients saw what they should not have seen");
    Ok(())
}
