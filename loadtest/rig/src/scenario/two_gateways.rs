//! Two gateways on a Redis against one: what does it cost to spread a room's members over nodes? Redis counts
//! with the two and not with the one, as if the one needed none; room and history do the same work
//! in both and are left out.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hubbub_testkit::Node;

use crate::{
    arm::{Arm as _, Hubbub},
    bench::Bench,
    crowd::{Crowd, Plan, Room},
    measure::{Measure, Unit},
    proc::Cpu,
    wire::Member,
};

const NAME: &str = "two-gateways";

pub(crate) async fn run(bench: &Bench) -> Result<Vec<Measure>> {
    let clusters = [
        Spread::start("one-gateway", 1, bench).await?,
        Spread::start("two-gateways", 2, bench).await?,
    ];
    let mut figures = Figures {
        deliveries: Measure::new(NAME, "deliveries per CPU-second", Unit::PerSecond),
        p50: Measure::new(NAME, "send to delivery p50", Unit::Millis),
        p99: Measure::new(NAME, "send to delivery p99", Unit::Millis),
    };
    for round in 0..bench.rounds {
        for turn in 0..clusters.len() {
            clusters[(turn + round) % clusters.len()].measure(&mut figures).await?;
        }
    }
    for cluster in clusters {
        cluster.crowd.close().context(cluster.name)?;
    }
    Ok(vec![figures.deliveries, figures.p50, figures.p99])
}

struct Figures {
    deliveries: Measure,
    p50: Measure,
    p99: Measure,
}

/// A cluster whose gateways share the members of one room.
struct Spread {
    name: &'static str,
    /// The processes whose work is counted.
    counted: Vec<u32>,
    /// Ends after its clients.
    crowd: Crowd,
    _arm: Hubbub,
    plan: Plan,
}

impl Spread {
    async fn start(name: &'static str, gateways: usize, bench: &Bench) -> Result<Self> {
        let mut options = bench.cluster();
        options.gateways = gateways;
        let arm = Hubbub::start(options).await.context(name)?;
        let mut counted: Vec<u32> = arm.cluster.gateways.iter().filter_map(Node::pid).collect();
        if gateways > 1 {
            counted.extend(arm.cluster.redis.pid());
        }
        let users: Vec<String> =
            (0..bench.scaled(1_000, 20)).map(|number| format!("user-{number}")).collect();
        let room = arm.make_room("spread", &users).await?;
        let member = |user: &String| Member { user: user.clone(), rooms: Vec::new() };
        let members: Vec<Member> = users.iter().map(member).collect();
        let crowd = Crowd::connect(&arm, &members).await.context(name)?;
        let rooms = vec![Room { name: room, members: 0..users.len() }];
        let gap = Duration::from_millis(40);
        let plan = Plan { rooms, bursts: bench.scaled(100, 10), burst: 1, gap };
        crowd.run(&Plan { bursts: 10, ..plan.clone() }).await.context("warming up")?;
        Ok(Self { name, counted, crowd, _arm: arm, plan })
    }

    async fn measure(&self, figures: &mut Figures) -> Result<()> {
        let before = Cpu::read(&self.counted)?;
        let outcome = self.crowd.run(&self.plan).await.context(self.name)?;
        let used = Cpu::read(&self.counted)?.since(&before).as_secs_f64();
        figures.deliveries.record(self.name, outcome.deliveries as f64 / used);
        figures.p50.record(self.name, outcome.delivered.p50);
        figures.p99.record(self.name, outcome.delivered.p99);
        Ok(())
    }
}
