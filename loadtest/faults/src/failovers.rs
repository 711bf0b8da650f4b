//! Postgres fails over again and again while people talk: half of the times to a synchronous standby, half to
//! one that lacks the newest changes. Each time what clients saw is judged against what the promoted
//! server had when it was promoted.

use std::{collections::HashMap, fmt, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use hubbub_domain::{RoomId, Seq};
use hubbub_testkit::{Cluster, Ending, Failover, Replicated, Replication, promoted};
use serde::Serialize;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    judge::{Ledger, Verdict, settled},
    load::Load,
    run,
};

/// People talk this long before the primary ends and after the standby was promoted.
const AROUND: Duration = Duration::from_millis(1_500);
/// How long the standby receives nothing before its primary ends, when a tail is to be lost.
const TAIL: Duration = Duration::from_millis(400);

/// What a run is.
pub(crate) struct Plan {
    pub(crate) failovers: usize,
    pub(crate) hubbub: PathBuf,
    pub(crate) rate: f64,
    pub(crate) patience: Duration,
    /// A planted bug: the promoted server goes on in the epoch of the lost one.
    pub(crate) epoch_kept: bool,
}

/// What it came to.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Failovers {
    pub(crate) duration_s: u64,
    pub(crate) synchronous: Figures,
    pub(crate) asynchronous: Figures,
    pub(crate) breaches: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Figures {
    promotions: usize,
    acked: usize,
    delivered: usize,
    /// Acknowledged before the failover, and not on the promoted server.
    lost: usize,
    resets: usize,
    /// From the promotion until all that was sent before was acknowledged and seen by everybody.
    caught_up_ms: Vec<u64>,
}

impl Plan {
    pub(crate) async fn carry_out(&self) -> Result<Failovers> {
        let cluster = Cluster::start(run::options(&self.hubbub).replicated()).await?;
        let servers = cluster.replicated.as_ref().context("a standby")?;
        let begun = Instant::now();
        let load = Load::start(&cluster.urls(), self.rate).await?;
        load.connected(self.patience).await?;
        let (mut ledger, mut report) = (Ledger::default(), Failovers::default());
        for number in 0..self.failovers {
            let replication = match number % 2 {
                0 => Replication::Synchronous,
                _ => Replication::Asynchronous,
            };
            let ending = if number / 2 % 2 == 0 { Ending::Killed } else { Ending::Hung };
            let round = self.round((servers, &load), (replication, ending), &mut ledger).await;
            let verdict = round.with_context(|| format!("failover {}", number + 1))?;
            println!(
                "{:>3} {replication:?} {ending:?}: {} acked, {} lost, {} resets, \
                 caught up after {:.1?}, {} breaches",
                number + 1,
                verdict.acked,
                verdict.lost,
                verdict.resets,
                verdict.caught_up_after,
                verdict.breaches.len(),
            );
            report.add(replication, &verdict);
        }
        let audit = ledger.audit(&load, self.patience).await?;
        report.breaches.extend(audit.iter().map(|breach| format!("{breach:?}")));
        report.duration_s = begun.elapsed().as_secs();
        Ok(report)
    }

    async fn round(
        &self,
        (servers, load): (&Replicated, &Load),
        (replication, ending): (Replication, Ending),
        ledger: &mut Ledger,
    ) -> Result<Verdict> {
        servers.replicate(replication).await?;
        let tail = match replication {
            Replication::Synchronous => Duration::ZERO,
            Replication::Asynchronous => TAIL,
        };
        let enough = CancellationToken::new();
        let mut kept = HashMap::new();
        let failing = async {
            sleep(AROUND).await;
            let look = async |url: String| {
                kept = heads(&url).await?;
                if self.epoch_kept { promoted::keep_epoch(&url).await } else { Ok(()) }
            };
            servers.fail_over_with(Failover { ending, tail }, look).await?;
            let promoted = Instant::now();
            sleep(AROUND).await;
            servers.rebuild().await?;
            enough.cancel();
            anyhow::Ok(promoted)
        };
        let (promoted, ()) = tokio::join!(failing, load.chat(&enough));
        let promoted = promoted?;
        let unanswered = load.take_unanswered();
        anyhow::ensure!(unanswered.is_empty(), "{unanswered:?}");
        let healed = settled(load, self.patience).await;
        let verdict = ledger.judge_failover(load, (promoted, kept), self.patience).await?;
        if !self.epoch_kept {
            healed?;
        }
        Ok(verdict)
    }
}

/// The last seq of every room on the promoted server.
async fn heads(url: &str) -> Result<HashMap<RoomId, Seq>> {
    let heads = promoted::heads(url).await?;
    Ok(heads.into_iter().map(|(room, seq)| (room, Seq(seq))).collect())
}

impl Failovers {
    fn add(&mut self, replication: Replication, verdict: &Verdict) {
        let figures = match replication {
            Replication::Synchronous => &mut self.synchronous,
            Replication::Asynchronous => &mut self.asynchronous,
        };
        figures.promotions += 1;
        figures.acked += verdict.acked;
        figures.delivered += verdict.delivered;
        figures.lost += verdict.lost;
        figures.resets += verdict.resets;
        let caught_up = verdict.caught_up_after.as_millis();
        figures.caught_up_ms.push(u64::try_from(caught_up).unwrap_or(u64::MAX));
        if replication == Replication::Synchronous && verdict.lost > 0 {
            self.breaches.push(format!("{} lost although a standby had them", verdict.lost));
        }
        self.breaches.extend(verdict.breaches.iter().map(|breach| format!("{breach:?}")));
    }

    pub(crate) fn passed(&self) -> bool {
        self.breaches.is_empty()
    }
}

impl fmt::Display for Failovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, figures) in
            [("synchronous", &self.synchronous), ("asynchronous", &self.asynchronous)]
        {
            let Figures { promotions, acked, delivered, lost, resets, caught_up_ms } = figures;
            let mut sorted = caught_up_ms.clone();
            sorted.sort_unstable();
            let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
            let worst = sorted.last().copied().unwrap_or_default();
            writeln!(
                f,
                "{name:>12}: {promotions} promotions, {acked} acked, {delivered} delivered, {lost} \
                 lost, {resets} resets, caught up after {median} ms (median), {worst} ms (worst)"
            )?;
        }
        for breach in self.breaches.iter().take(20) {
            writeln!(f, "  {breach}")?;
        }
        write!(f, "{} breaches in {} s", self.breaches.len(), self.duration_s)
    }
}
