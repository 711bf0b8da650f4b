//! The goals, one row for each figure of the table in `docs/performance.md`: which measure it reads, what
//! it must reach, and what it aims at.

use serde::Serialize;

use crate::measure::{Measure, Unit};

/// A row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    pub(crate) scenario: &'static str,
    /// The measure's `what`.
    pub(crate) what: &'static str,
    pub(crate) reading: Reading,
    pub(crate) must: Option<Bound>,
    pub(crate) aim: Option<Bound>,
}

/// What is read off a measure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading {
    /// How many times the second the first is.
    Ratio(&'static str, &'static str),
    /// The median of an arm.
    Median(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// A row with its figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) goal: &'static str,
    pub(crate) must: String,
    pub(crate) aim: String,
    /// None when it was not measured in this run.
    pub(crate) figure: Option<String>,
    pub(crate) ours: String,
    /// What it is compared with.
    pub(crate) peer: String,
    pub(crate) verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// The aim, and the must with it.
    Aim,
    Must,
    /// An aim without a must.
    AimMissed,
    Missed,
    NotMeasured,
}

const FAN_OUT_SINGLE: &str = "CPU per delivery, room of 1,000, one at a time";
const FAN_OUT_BURSTS: &str = "CPU per delivery, room of 1,000, bursts of 16";
const IDLE_MEMORY: &str = "memory per idle session";

/// Every row of the table.
pub(crate) const GOALS: &[Goal] = &[
    Goal {
        name: "CPU per delivery, single, against Socket.IO",
        scenario: "fan-out",
        what: FAN_OUT_SINGLE,
        reading: Reading::Ratio("hubbub", "socketio-node"),
        must: Some(Bound::AtMost(0.50)),
        aim: Some(Bound::AtMost(0.40)),
    },
    Goal {
        name: "CPU per delivery, single, against socketioxide",
        scenario: "fan-out",
        what: FAN_OUT_SINGLE,
        reading: Reading::Ratio("hubbub", "socketioxide"),
        must: Some(Bound::AtMost(0.70)),
        aim: Some(Bound::AtMost(0.55)),
    },
    Goal {
        name: "CPU per delivery, bursts of 16, against Socket.IO",
        scenario: "fan-out",
        what: FAN_OUT_BURSTS,
        reading: Reading::Ratio("hubbub", "socketio-node"),
        must: Some(Bound::AtMost(0.12)),
        aim: Some(Bound::AtMost(0.07)),
    },
    Goal {
        name: "CPU per delivery, bursts of 16, against socketioxide",
        scenario: "fan-out",
        what: FAN_OUT_BURSTS,
        reading: Reading::Ratio("hubbub", "socketioxide"),
        must: Some(Bound::AtMost(0.70)),
        aim: Some(Bound::AtMost(0.45)),
    },
    Goal {
        name: "Socket.IO door: CPU per delivery, single, against Socket.IO",
        scenario: "fan-out",
        what: FAN_OUT_SINGLE,
        reading: Reading::Ratio("hubbub-socketio", "socketio-node"),
        must: Some(Bound::AtMost(0.50)),
        aim: Some(Bound::AtMost(0.40)),
    },
    Goal {
        name: "Socket.IO door: CPU per delivery, single, against socketioxide",
        scenario: "fan-out",
        what: FAN_OUT_SINGLE,
        reading: Reading::Ratio("hubbub-socketio", "socketioxide"),
        must: Some(Bound::AtMost(0.70)),
        aim: Some(Bound::AtMost(0.55)),
    },
    Goal {
        name: "Socket.IO door: CPU per delivery, bursts of 16, against Socket.IO",
        scenario: "fan-out",
        what: FAN_OUT_BURSTS,
        reading: Reading::Ratio("hubbub-socketio", "socketio-node"),
        must: Some(Bound::AtMost(0.12)),
        aim: Some(Bound::AtMost(0.07)),
    },
    Goal {
        name: "Socket.IO door: CPU per delivery, bursts of 16, against socketioxide",
        scenario: "fan-out",
        what: FAN_OUT_BURSTS,
        reading: Reading::Ratio("hubbub-socketio", "socketioxide"),
        must: Some(Bound::AtMost(0.70)),
        aim: Some(Bound::AtMost(0.45)),
    },
    Goal {
        name: "idle memory of a full session against Socket.IO",
        scenario: "idle",
        what: IDLE_MEMORY,
        reading: Reading::Ratio("hubbub", "socketio-node"),
        must: Some(Bound::AtMost(0.40)),
        aim: None,
    },
    Goal {
        name: "idle memory of a full session",
        scenario: "idle",
        what: IDLE_MEMORY,
        reading: Reading::Median("hubbub"),
        must: None,
        aim: Some(Bound::AtMost(3_000.0)),
    },
    Goal {
        name: "Socket.IO door: idle memory of a full session against Socket.IO",
        scenario: "idle",
        what: IDLE_MEMORY,
        reading: Reading::Ratio("hubbub-socketio", "socketio-node"),
        must: Some(Bound::AtMost(0.40)),
        aim: None,
    },
    Goal {
        name: "Socket.IO door: idle memory of a full session",
        scenario: "idle",
        what: IDLE_MEMORY,
        reading: Reading::Median("hubbub-socketio"),
        must: None,
        aim: Some(Bound::AtMost(3_000.0)),
    },
    Goal {
        name: "append CPU at 12,000/s against one transaction per message",
        scenario: "appends",
        what: "CPU per append at 12,000/s",
        reading: Reading::Ratio("hubbub", "one-per-transaction"),
        must: Some(Bound::AtMost(0.5)),
        aim: Some(Bound::AtMost(0.35)),
    },
    Goal {
        name: "append ceiling against one transaction per message",
        scenario: "appends",
        what: "appends at the ceiling",
        reading: Reading::Ratio("hubbub", "one-per-transaction"),
        must: Some(Bound::AtLeast(4.0)),
        aim: Some(Bound::AtLeast(7.0)),
    },
    Goal {
        name: "one hot room against one transaction per message",
        scenario: "hot-room",
        what: "appends to one room",
        reading: Reading::Ratio("hubbub", "one-per-transaction"),
        must: Some(Bound::AtLeast(10.0)),
        aim: Some(Bound::AtLeast(30.0)),
    },
    Goal {
        name: "Redis CPU per publish against unpipelined",
        scenario: "publish",
        what: "Redis CPU per publish",
        reading: Reading::Ratio("hubbub", "unpipelined"),
        must: Some(Bound::AtMost(0.25)),
        aim: Some(Bound::AtMost(0.12)),
    },
    Goal {
        name: "10,000 rooms resubscribed after a Redis restart",
        scenario: "resubscribe",
        what: "resubscribing 10,000 rooms",
        reading: Reading::Median("hubbub"),
        must: Some(Bound::AtMost(1.0)),
        aim: Some(Bound::AtMost(0.3)),
    },
    Goal {
        name: "chat list of 5,000 rooms against one query per room",
        scenario: "chat-list",
        what: "chat lists, user with 5,000 rooms",
        reading: Reading::Ratio("hubbub", "one-query-per-room"),
        must: Some(Bound::AtLeast(10.0)),
        aim: Some(Bound::AtLeast(25.0)),
    },
    Goal {
        name: "queries for a chat list",
        scenario: "chat-list",
        what: "queries per chat list",
        reading: Reading::Median("hubbub"),
        must: Some(Bound::AtMost(2.0)),
        aim: Some(Bound::AtMost(2.0)),
    },
    Goal {
        name: "p99 of healthy clients with 1 % stalled readers",
        scenario: "stalled",
        what: "p99 of the healthy",
        reading: Reading::Ratio("stalled", "healthy"),
        must: Some(Bound::AtMost(1.3)),
        aim: Some(Bound::AtMost(1.1)),
    },
    Goal {
        name: "deliveries per CPU-second, 2 gateways + Redis against 1",
        scenario: "two-gateways",
        what: "deliveries per CPU-second",
        reading: Reading::Ratio("two-gateways", "one-gateway"),
        must: Some(Bound::AtLeast(0.8)),
        aim: Some(Bound::AtLeast(0.9)),
    },
    Goal {
        name: "a page of 30 at depth 1,000,000 against the newest page",
        scenario: "paging",
        what: "page of 30",
        reading: Reading::Ratio("depth-1,000,000", "newest"),
        must: Some(Bound::AtMost(1.2)),
        aim: Some(Bound::AtMost(1.05)),
    },
];

/// Every goal with what was measured for it.
pub(crate) fn judge(measures: &[Measure]) -> Vec<Row> {
    GOALS.iter().map(|goal| goal.judge(measures)).collect()
}

impl Goal {
    fn judge(&self, measures: &[Measure]) -> Row {
        let measure =
            measures.iter().find(|it| it.scenario == self.scenario && it.what == self.what);
        let unit = match self.reading {
            Reading::Ratio(..) => Unit::Ratio,
            Reading::Median(_) => measure.map_or(Unit::Count, |measure| measure.unit),
        };
        let figure = measure.and_then(|measure| match self.reading {
            Reading::Ratio(arm, base) => measure.ratio(arm, base),
            Reading::Median(arm) => measure.median(arm),
        });
        let shown = |arm: &str| {
            let median = measure.and_then(|measure| Some((measure.unit, measure.median(arm)?)));
            median.map_or_else(String::new, |(unit, median)| unit.show(median))
        };
        let (ours, peer) = match self.reading {
            Reading::Ratio(arm, base) => (shown(arm), format!("{} {base}", shown(base))),
            Reading::Median(arm) => (shown(arm), String::new()),
        };
        let bound = |bound: Option<Bound>| bound.map_or_else(String::new, |it| it.show(unit));
        Row {
            goal: self.name,
            must: bound(self.must),
            aim: bound(self.aim),
            figure: figure.map(|figure| unit.show(figure)),
            ours,
            peer,
            verdict: figure.map_or(Verdict::NotMeasured, |figure| self.verdict(figure)),
        }
    }

    fn verdict(&self, figure: f64) -> Verdict {
        let holds = |bound: Option<Bound>| bound.is_none_or(|bound| bound.holds(figure));
        match (holds(self.must), self.aim.is_some() && holds(self.aim)) {
            (false, _) => Verdict::Missed,
            (true, true) => Verdict::Aim,
            (true, false) if self.must.is_none() => Verdict::AimMissed,
            (true, false) => Verdict::Must,
        }
    }
}

impl Bound {
    fn holds(self, figure: f64) -> bool {
        match self {
            Self::AtMost(bound) => figure <= bound,
            Self::AtLeast(bound) => figure >= bound,
        }
    }

    fn show(self, unit: Unit) -> String {
        match self {
            Self::AtMost(bound) => format!("≤ {}", unit.show(bound)),
            Self::AtLeast(bound) => format!("≥ {}", unit.show(bound)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{GOALS, Verdict, judge};
    use crate::measure::{Measure, Unit};

    fn paging(deep: f64) -> Vec<Measure> {
        let mut measure = Measure::new("paging", "page of 30", Unit::Millis);
        measure.record("newest", 1.0);
        measure.record("depth-1,000,000", deep);
        vec![measure]
    }

    #[test]
    fn a_figure_meets_its_aim_its_must_or_nothing() {
        for (deep, verdict) in [(1.01, Verdict::Aim), (1.1, Verdict::Must), (1.5, Verdict::Missed)]
        {
            let rows = judge(&paging(deep));
            assert_eq!(rows.len(), GOALS.len());
            let row = rows.last().expect("the last goal is paging");
            assert_eq!(row.verdict, verdict);
            assert_eq!(row.peer, "1.00 ms newest");
            assert_eq!(rows[0].verdict, Verdict::NotMeasured);
        }
    }

    #[test]
    fn an_aim_without_a_must_is_met_or_missed() {
        let goal = GOALS.iter().find(|goal| goal.must.is_none()).expect("idle memory");
        assert_eq!(goal.verdict(1.0), Verdict::Aim);
        assert_eq!(goal.verdict(1e6), Verdict::AimMissed);
    }
}
