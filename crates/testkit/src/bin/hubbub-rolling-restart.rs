//! Replaces three gateways behind one address by three others while clients talk, with the order and the timings of
//! the chart, and judges what the clients saw. `cargo xtask rolling-restart` builds and starts this program.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks")]

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use hubbub_testkit::{
    Balancer, Cluster, ClusterOptions, RolloutTimings, Turn,
    workload::{Outcome, Workload},
};

const GATEWAYS: usize = 3;
/// The rollout begins when all clients have been talking for this long.
const UNDER_WAY: Duration = Duration::from_secs(10);
/// The rate is doubled from the beginning of the rollout, for this long.
const SPIKE: Duration = Duration::from_secs(30);

/// The defaults of the chart (helm/hubbub/values.yaml).
const CHART: RolloutTimings = RolloutTimings {
    ready_for: Duration::from_secs(5),
    endpoints_lag: Duration::from_secs(1),
    pre_stop: Duration::from_secs(5),
    grace: Duration::from_secs(95),
};
/// The drain settings of a gateway, as the chart sets them.
const DRAIN: [(&str, &str); 4] = [
    ("HUBBUB_GATEWAY__DRAIN__NOTICE", "5s"),
    ("HUBBUB_GATEWAY__DRAIN__WINDOW", "60s"),
    ("HUBBUB_GATEWAY__DRAIN__PATIENCE", "10s"),
    ("HUBBUB_SHUTDOWN__DRAIN_TIMEOUT", "90s"),
];

/// Size of the load; arguments such as `CLIENTS=1000` change it.
struct Load {
    clients: usize,
    rooms: usize,
    /// Messages per second of all clients together.
    rate: usize,
    seconds: usize,
}

impl Load {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut load = Self { clients: 300, rooms: 30, rate: 100, seconds: 120 };
        for argument in arguments {
            let setting = argument.split_once('=');
            let Some((name, Ok(value))) =
                setting.map(|(name, value)| (name, value.parse::<usize>()))
            else {
                bail!("{argument:?} is not a setting such as CLIENTS=1000");
            };
            ensure!(value > 0, "{name} must be at least 1");
            match name {
                "CLIENTS" => load.clients = value,
                "ROOMS" => load.rooms = value,
                "RATE" => load.rate = value,
                "SECONDS" => load.seconds = value,
                _ => bail!("unknown setting {name}; there are CLIENTS, ROOMS, RATE and SECONDS"),
            }
        }
        Ok(load)
    }

    /// Between two messages of one client.
    fn pause(&self) -> Result<Duration> {
        Ok(Duration::from_secs(1) * u32::try_from(self.clients)? / u32::try_from(self.rate)?)
    }

    /// Messages of each client in `duration`.
    fn each_in(&self, duration: Duration) -> Result<usize> {
        Ok(usize::try_from(duration.as_micros() / self.pause()?.as_micros().max(1))?)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(outcome) => {
            println!(
                "passed: {} messages acknowledged, {} delivered, {} reconnects, at most one per client",
                outcome.acked,
                outcome.delivered,
                outcome.reconnects(),
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<Outcome> {
    let load = Load::parse(std::env::args().skip(1))?;
    let here = std::env::current_exe().context("this program has no path")?;
    println!("starting Postgres, Redis, {GATEWAYS} gateways and two of each other role");
    let two_of_each = ClusterOptions::two_of_each(here.with_file_name("hubbub"));
    let options = ClusterOptions { gateways: GATEWAYS, spares: GATEWAYS, ..two_of_each };
    let options = DRAIN.iter().fold(options, |options, (name, value)| options.with(name, value));
    let mut cluster = Cluster::start(options.without_rate_limits()).await?;
    let balancer = Balancer::start(Turn::RoundRobin).await?;
    cluster.gateways.iter().for_each(|gateway| balancer.admit(gateway.address()));

    let url = format!("ws://{}", balancer.address());
    let workload = Workload::start_at(&[url], load.clients, load.rooms).await;
    println!("{} clients talk for {} s", load.clients, load.seconds);
    let rolling = async {
        // The load runs by then; the time itself is the point.
        tokio::time::sleep(UNDER_WAY).await;
        let begun = Instant::now();
        cluster.roll_gateways(&balancer, CHART).await?;
        println!("the rollout took {:.1} s", begun.elapsed().as_secs_f64());
        anyhow::Ok(())
    };
    let spike = async {
        tokio::time::sleep(UNDER_WAY).await;
        workload.talk(load.each_in(SPIKE)?, load.pause()?).await;
        anyhow::Ok(())
    };
    let whole = Duration::from_secs(u64::try_from(load.seconds)?);
    let talk = workload.talk(load.each_in(whole)?, load.pause()?);
    let (rolled, spiked, ()) = tokio::join!(rolling, spike, talk);
    rolled.context("the rollout")?;
    spiked?;
    let outcome = workload.judge().await;
    ensure!(outcome.reconnects() > 0, "no client had to reconnect, so nothing was restarted");
    ensure!(
        outcome.most_connections <= 2,
        "one client connected {} times; it should connect twice at most",
        outcome.most_connections
    );
    Ok(outcome)
}
