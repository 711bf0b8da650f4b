//! Fan-out: what it costs, and how long it takes, to bring a message to every member of a room. Rooms of 2, 10,
//! 100 and 1,000 members, messages one at a time and in bursts of 16, at rates that keep no server busy.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::{
    arm::{Arm, ArmKind},
    bench::Bench,
    crowd::{Crowd, Outcome, Plan, Room},
    measure::{Measure, Unit, grouped},
    proc::Cpu,
    wire::Member,
};

const NAME: &str = "fan-out";

/// A size of rooms, and how much it is loaded with in a run.
#[derive(Clone, Copy)]
struct Size {
    members: usize,
    /// Messages a second, and how many.
    single: (u32, u32),
    /// Bursts a second, and how many.
    bursts: (u32, u32),
}

const FULL: [Size; 4] = [
    Size { members: 2, single: (150, 150), bursts: (20, 20) },
    Size { members: 10, single: (150, 150), bursts: (20, 20) },
    Size { members: 100, single: (60, 70), bursts: (8, 9) },
    Size { members: 1_000, single: (25, 200), bursts: (2, 4) },
];
const SMOKE: [Size; 2] = [
    Size { members: 2, single: (50, 10), bursts: (10, 3) },
    Size { members: 20, single: (50, 10), bursts: (10, 3) },
];

#[derive(Clone, Copy)]
enum Mode {
    Single,
    Bursts,
}

/// An arm with everybody connected.
struct Ready {
    arm: Box<dyn Arm>,
    crowd: Crowd,
    /// As the wire calls them, by their place in the sizes.
    rooms: Vec<String>,
}

pub(crate) async fn run(bench: &Bench) -> Result<Vec<Measure>> {
    let sizes = bench.scaled(&FULL[..], &SMOKE[..]);
    let mut ready = Vec::new();
    for kind in ArmKind::available(bench) {
        ready.push(Ready::start(kind, bench, sizes).await.context(kind.name())?);
    }
    let mut measures = Vec::new();
    for (place, size) in sizes.iter().enumerate() {
        for mode in [Mode::Single, Mode::Bursts] {
            let mut figures = Figures::new(*size, mode);
            for round in 0..bench.rounds {
                for turn in 0..ready.len() {
                    // Nobody is always the one who comes after the same other.
                    let it = &ready[(turn + round) % ready.len()];
                    it.measure(&it.plan(place, *size, mode), &mut figures).await?;
                }
            }
            measures.extend(figures.into_measures());
        }
    }
    for ready in ready {
        let name = ready.arm.kind().name();
        ready.crowd.close().context(name)?;
    }
    Ok(measures)
}

impl Ready {
    /// Starts the server, connects everybody, and lets it warm up: compilers and caches are not measured.
    async fn start(kind: ArmKind, bench: &Bench, sizes: &[Size]) -> Result<Self> {
        let arm = kind.start(bench).await?;
        let largest = sizes.iter().map(|size| size.members).max().unwrap_or_default();
        let users: Vec<String> = (0..largest).map(|number| format!("user-{number}")).collect();
        let mut rooms = Vec::new();
        for size in sizes {
            let name = format!("room-of-{}", size.members);
            rooms.push(arm.make_room(&name, &users[..size.members]).await?);
        }
        let member = |(number, user): (usize, &String)| {
            let theirs = sizes.iter().zip(&rooms).filter(|(size, _)| number < size.members);
            Member { user: user.clone(), rooms: theirs.map(|(_, room)| room.clone()).collect() }
        };
        let members: Vec<Member> = users.iter().enumerate().map(member).collect();
        let crowd = Crowd::connect(arm.as_ref(), &members).await?;
        let ready = Self { arm, crowd, rooms };
        for (place, size) in sizes.iter().enumerate() {
            for mode in [Mode::Single, Mode::Bursts] {
                ready.crowd.run(&ready.plan(place, *size, mode)).await.context("warming up")?;
            }
        }
        Ok(ready)
    }

    fn plan(&self, place: usize, size: Size, mode: Mode) -> Plan {
        let (burst, (per_second, bursts)) = match mode {
            Mode::Single => (1, size.single),
            Mode::Bursts => (16, size.bursts),
        };
        let room = Room { name: self.rooms[place].clone(), members: 0..size.members };
        Plan { rooms: vec![room], bursts, burst, gap: Duration::from_secs(1) / per_second }
    }

    async fn measure(&self, plan: &Plan, figures: &mut Figures) -> Result<()> {
        let server = self.arm.server();
        let stores = self.arm.stores();
        let before = Cpu::read(&server)?;
        let mut stores_before = Vec::new();
        for (name, pid) in &stores {
            stores_before.push((*name, *pid, Cpu::read_trees(&[*pid])?));
        }
        let outcome = self.crowd.run(plan).await.with_context(|| self.arm.kind().name())?;
        let used = Cpu::read(&server)?.since(&before);
        let arm = self.arm.kind().name();
        figures.record(arm, used, &outcome);
        for (name, pid, before) in stores_before {
            let used = Cpu::read_trees(&[pid])?.since(&before);
            figures.record_store(arm, name, used, &outcome);
        }
        Ok(())
    }
}

/// What is measured of one size in one mode.
struct Figures {
    cpu: Measure,
    deliver_p50: Measure,
    deliver_p99: Measure,
    ack_p50: Measure,
    ack_p99: Measure,
    postgres: Measure,
    redis: Measure,
}

impl Figures {
    fn new(size: Size, mode: Mode) -> Self {
        let mode = match mode {
            Mode::Single => "one at a time",
            Mode::Bursts => "bursts of 16",
        };
        let members = size.members as f64;
        let measure = |what: &str, unit: Unit| {
            let what = format!("{what}, room of {}, {mode}", grouped(members));
            Measure::new(NAME, what, unit)
        };
        let plotted = |what: &str, unit: Unit| {
            measure(what, unit).on(format!("{what}, {mode}"), "members", members)
        };
        Self {
            cpu: plotted("CPU per delivery", Unit::Micros),
            deliver_p50: plotted("send to delivery p50", Unit::Millis),
            deliver_p99: plotted("send to delivery p99", Unit::Millis),
            ack_p50: measure("send to ack p50", Unit::Millis),
            ack_p99: measure("send to ack p99", Unit::Millis),
            postgres: measure("Postgres CPU per message", Unit::Micros),
            redis: measure("Redis CPU per message", Unit::Micros),
        }
    }

    fn record(&mut self, arm: &'static str, used: Duration, outcome: &Outcome) {
        self.cpu.record(arm, used.as_secs_f64() * 1e6 / outcome.deliveries as f64);
        self.deliver_p50.record(arm, outcome.delivered.p50);
        self.deliver_p99.record(arm, outcome.delivered.p99);
        self.ack_p50.record(arm, outcome.acked.p50);
        self.ack_p99.record(arm, outcome.acked.p99);
    }

    fn record_store(&mut self, arm: &'static str, store: &str, used: Duration, outcome: &Outcome) {
        let measure = if store == "Redis" { &mut self.redis } else { &mut self.postgres };
        measure.record(arm, used.as_secs_f64() * 1e6 / outcome.messages as f64);
    }

    fn into_measures(self) -> [Measure; 7] {
        let Self { cpu, deliver_p50, deliver_p99, ack_p50, ack_p99, postgres, redis } = self;
        [cpu, deliver_p50, deliver_p99, ack_p50, ack_p99, postgres, redis]
    }
}
