//! A run: warm-up, baseline, rounds of faults under load until the time is over, and the reckoning.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use hubbub_testkit::{Cluster, ClusterOptions};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    injury::{Injury, repair},
    judge::{Ledger, settled},
    kind::Kind,
    load::Load,
    report::{Entry, Report},
    resources::Holdings,
    rolling::Versions,
    schedule::{Fault, Opening, Round, Schedule, Target},
    signs::Signs,
    spoiler::{Spoil, Spoiler},
};

/// People talk this long before the faults of a round and after the repair.
const AROUND: Duration = Duration::from_millis(1_500);
const WARM_UP: Duration = Duration::from_secs(3);
/// The process that started last may need this long to have its pools and subscriptions.
const REST_PATIENCE: Duration = Duration::from_secs(40);

/// What a run is.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) hubbub: PathBuf,
    pub(crate) old: Option<PathBuf>,
    /// Messages a second, of all clients together.
    pub(crate) rate: f64,
    /// How long healing may take.
    pub(crate) patience: Duration,
    /// Between clients and gateways, to see whether the rig sees it. Then there are no other faults.
    pub(crate) spoil: Option<Spoil>,
}

/// Which rounds there are.
#[derive(Clone, Debug)]
pub(crate) enum Plan {
    /// Those of the seed, begun as long as this takes.
    Seeded(Opening, Duration),
    /// One of them, again and again.
    Repeated(Round, Duration),
    Fixed(Vec<Round>),
}

impl Run {
    pub(crate) async fn carry_out(&self) -> Result<Report> {
        let mut cluster = Cluster::start(options(&self.hubbub).proxied()).await?;
        let begun = Instant::now();
        let mut urls = cluster.urls();
        let mut spoilers = Vec::new();
        if let Some(spoil) = self.spoil {
            for url in &mut urls {
                let spoiler = Spoiler::start(url, spoil).await?;
                *url = spoiler.url();
                spoilers.push(spoiler);
            }
        }
        let load = Load::start(&urls, self.rate).await?;
        let mut ground = Ground {
            load: &load,
            versions: Versions::new(self.hubbub.clone(), self.old.clone()),
            ledger: Ledger::default(),
            report: Report::new(self.seed),
            patience: self.patience,
        };
        load.connected(self.patience).await?;
        let outcome = self.rounds(&mut cluster, &mut ground, begun).await;
        let mut report = ground.report;
        if let Err(error) = outcome {
            report.breach("stuck", &format!("{error:#}"));
        }
        report.connections = load.connections();
        report.duration_s = begun.elapsed().as_secs();
        Ok(report)
    }

    async fn rounds(
        &self,
        cluster: &mut Cluster,
        ground: &mut Ground<'_>,
        begun: Instant,
    ) -> Result<()> {
        ground.quiet_round(WARM_UP).await?;
        let baseline = Holdings::at_rest(cluster, REST_PATIENCE).await?;
        println!("baseline\n{baseline}");
        ground.report.baseline = Some(baseline.clone());
        for round in self.plan.rounds(self.seed, begun) {
            if self.spoil.is_some() {
                ground.quiet_round(WARM_UP).await?;
            } else {
                ground.round(cluster, round).await?;
            }
        }
        let audit = ground.ledger.audit(ground.load, ground.patience).await?;
        ground.report.breached(&audit);
        ground.load.go_home().await;
        let (now, kept) = Holdings::returned(cluster, &baseline, self.patience).await?;
        ground.report.at_the_end = Some(now);
        for words in kept {
            ground.report.breach("not returned", &words);
        }
        Ok(())
    }
}

/// A cluster that slows nobody down, and lets go soon.
pub(crate) fn options(hubbub: &Path) -> ClusterOptions {
    ClusterOptions::two_of_each(hubbub)
        .with("HUBBUB_GATEWAY__USERS__SENDS_PER_SECOND", "100000")
        .with("HUBBUB_GATEWAY__USERS__SENDS_BURST", "100000")
        .with("HUBBUB_GATEWAY__USERS__REQUESTS_PER_SECOND", "100000")
        .with("HUBBUB_GATEWAY__USERS__REQUESTS_BURST", "100000")
        .with("HUBBUB_GATEWAY__USERS__ROOMS_MADE_BURST", "100000")
        .with("HUBBUB_GATEWAY__USERS__PEOPLE_ADDED_BURST", "100000")
        .with("HUBBUB_GATEWAY__EDGE__CONNECTS_PER_ADDRESS_PER_SECOND", "100000")
        .with("HUBBUB_GATEWAY__EDGE__HANDSHAKES_PER_ADDRESS_MAX", "100000")
        .with("HUBBUB_GATEWAY__USERS__OPENINGS_BURST", "100000")
        // One-way silence is noticed by nothing but pings.
        .with("HUBBUB_GATEWAY__SESSION__PING_INTERVAL", "2s")
        .with("HUBBUB_GATEWAY__SESSION__PING_TIMEOUT", "2s")
        .with("HUBBUB_GATEWAY__DRAIN__NOTICE", "0s")
        .with("HUBBUB_GATEWAY__DRAIN__WINDOW", "2s")
        // So that subscriptions nobody needs are gone when they are counted.
        .with("HUBBUB_GATEWAY__HUB__IDLE_ROOM_KEPT", "1s")
        .with("HUBBUB_GATEWAY__USERS__IDLE_USER_KEPT", "1s")
}

impl Plan {
    fn rounds(&self, seed: u64, begun: Instant) -> Box<dyn Iterator<Item = Round>> {
        match self {
            Self::Repeated(round, duration) => {
                let duration = *duration;
                let again = std::iter::repeat(round.clone());
                Box::new(again.take_while(move |_| begun.elapsed() < duration))
            }
            Self::Fixed(rounds) => Box::new(rounds.clone().into_iter()),
            Self::Seeded(opening, duration) => {
                let duration = *duration;
                let schedule = Schedule::new(seed, *opening);
                Box::new(schedule.take_while(move |_| begun.elapsed() < duration))
            }
        }
    }
}

/// What the rounds have in common.
struct Ground<'a> {
    load: &'a Load,
    versions: Versions,
    ledger: Ledger,
    report: Report,
    patience: Duration,
}

impl Ground<'_> {
    /// Nothing breaks.
    async fn quiet_round(&mut self, lasting: Duration) -> Result<()> {
        let enough = CancellationToken::new();
        let pause = async {
            sleep(lasting).await;
            enough.cancel();
        };
        tokio::join!(self.load.talk(0, &enough), pause);
        self.reckon(Vec::new(), None, Instant::now()).await
    }

    async fn round(&mut self, cluster: &mut Cluster, mut round: Round) -> Result<()> {
        println!("{round}");
        // Whoever fled in the last round comes back: an empty gateway has nothing to lose.
        self.load.go_home().await;
        round.faults.sort_by_key(|fault| fault.kind.haste());
        let enough = CancellationToken::new();
        let suffering = async {
            let suffered = self.suffer(cluster, &round).await;
            sleep(AROUND).await;
            enough.cancel();
            suffered
        };
        let (suffered, ()) = tokio::join!(suffering, self.load.talk(round.number, &enough));
        let Suffered { hits, detected_after, repaired } =
            suffered.with_context(|| format!("round {round}"))?;
        for (kind, _) in hits.iter().filter(|(_, count)| *count == 0) {
            println!("       {kind}: without effect");
        }
        self.reckon(hits, detected_after, repaired).await.with_context(|| format!("round {round}"))
    }

    async fn suffer(&self, cluster: &mut Cluster, round: &Round) -> Result<Suffered> {
        sleep(AROUND).await;
        let hit: Vec<&str> = round.faults.iter().filter_map(Fault::node).collect();
        let signs = Signs::of(cluster, &hit);
        let over = CancellationToken::new();
        let begun = Instant::now();
        let breaking = async {
            let mut injuries = Vec::new();
            for fault in &round.faults {
                let around = (self.load, &self.versions);
                injuries.push(Injury::inflict(fault, cluster, around, round.lasting).await?);
            }
            sleep(round.lasting.saturating_sub(begun.elapsed())).await;
            let hits = repair(cluster, injuries).await?;
            over.cancel();
            anyhow::Ok(hits)
        };
        let (sign, hits) = tokio::join!(signs.first(self.load, &over), breaking);
        let detected_after = sign.map(|at| at.saturating_duration_since(begun));
        Ok(Suffered { hits: hits?, detected_after, repaired: Instant::now() })
    }

    /// Waits until everybody has everything, and judges it.
    async fn reckon(
        &mut self,
        hits: Vec<(Kind, u64)>,
        detected_after: Option<Duration>,
        repaired: Instant,
    ) -> Result<()> {
        for words in self.load.take_unanswered() {
            self.report.breach("stuck", &words);
        }
        let healed = settled(self.load, self.patience).await;
        let verdict = self.ledger.judge(self.load, repaired, self.patience).await?;
        self.report.add(Entry { hits, detected_after, verdict });
        healed
    }
}

/// What became of a round's faults.
struct Suffered {
    hits: Vec<(Kind, u64)>,
    detected_after: Option<Duration>,
    repaired: Instant,
}

impl Fault {
    /// The process that is hit, if it is one.
    fn node(&self) -> Option<&str> {
        match &self.target {
            Target::Node(name) => Some(name),
            _ => None,
        }
    }
}
