//! Hostile clients against one node, and fifty others who only want to talk.
//!
//! Each attack meets a process of its own. The bystanders come from other addresses (127.0.1.1 and on)
//! than the attackers; they connect, send and leave, first alone and then during the attack. The run
//! fails when the node's memory grows by more than 64 MiB, or when a bystander is refused, loses a
//! message or sees one twice. The times are printed as ratios to those without the attack; they depend
//! on the machine and fail nothing.

#![expect(clippy::print_stderr, reason = "a command-line tool talks")]

mod attack;
mod bystander;
mod node;
mod report;
mod target;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;

use crate::{
    attack::Attack,
    bystander::Crowd,
    node::Node,
    report::{Outcome, Report},
};

/// How much the node's resident memory may grow.
const GROWTH_BYTES_MAX: u64 = 64 * 1024 * 1024;

#[derive(Parser)]
struct Arguments {
    /// The program under attack. By default the one beside this.
    #[arg(long)]
    hubbub: Option<PathBuf>,
    /// Small and short, for any build.
    #[arg(long)]
    smoke: bool,
    /// Only this attack; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

/// How large a run is.
#[derive(Clone, Copy)]
struct Scale {
    bystanders: usize,
    /// How long the bystanders talk, without the attack and then during it.
    duration: Duration,
    /// Attackers of every kind are divided by this.
    divisor: usize,
}

const FULL: Scale = Scale { bystanders: 50, duration: Duration::from_secs(15), divisor: 1 };
const SMOKE: Scale = Scale { bystanders: 8, duration: Duration::from_secs(2), divisor: 10 };

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("hubbub-hostile: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything held.
async fn run() -> Result<bool> {
    let arguments = Arguments::parse();
    let beside = std::env::current_exe().context("this program has a place")?;
    let hubbub = arguments.hubbub.unwrap_or_else(|| beside.with_file_name("hubbub"));
    ensure!(hubbub.is_file(), "there is no {}: build it, or name it by --hubbub", hubbub.display());
    let scale = if arguments.smoke { SMOKE } else { FULL };
    let known = |name: &String| Attack::ALL.iter().any(|attack| attack.name() == name);
    if let Some(unknown) = arguments.only.iter().find(|name| !known(name)) {
        let names = Attack::ALL.map(Attack::name).join(", ");
        anyhow::bail!("there is no attack {unknown}; there are {names}");
    }
    let mut report = Report::begin();
    for attack in Attack::ALL {
        if arguments.only.is_empty() || arguments.only.iter().any(|name| name == attack.name()) {
            let outcome = meet(attack, scale, &hubbub).await;
            report.add(outcome.with_context(|| format!("attack {}", attack.name()))?);
        }
    }
    Ok(report.end())
}

/// One attack on a new process.
async fn meet(attack: Attack, scale: Scale, hubbub: &std::path::Path) -> Result<Outcome> {
    let node = Node::start(hubbub).await?;
    let target = node.target;
    let crowd = Crowd::gather(target, scale.bystanders).await?;
    let before = crowd.talk(scale.duration).await?;
    let resident = node.resident()?;
    let watch = node.watch();
    let siege = attack.begin(target, scale.divisor).await?;
    let during = crowd.talk(scale.duration).await?;
    let ended = siege.end().await;
    let peak = watch.end().await.max(node.resident()?);
    let settled = node.settles_to(resident).await;
    let complaint = ended.and(settled).err().map(|error| format!("{error:#}"));
    Ok(Outcome {
        attack: attack.name(),
        before,
        during,
        resident,
        growth: peak.saturating_sub(resident),
        complaint,
    })
}
