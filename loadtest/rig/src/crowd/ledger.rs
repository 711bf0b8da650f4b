//! What a crowd has heard in a run, and whether that is exactly what was sent.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use hdrhistogram::Histogram;
use tokio::sync::oneshot;

use super::Plan;
use crate::measure::Percentiles;

/// Faults that are kept; there is one cause behind the others.
const FAULTS_MAX: usize = 20;
/// Refusals for the moment in one run. Beyond it the server is not overloaded but ill.
const REFUSALS_MAX: u32 = 10_000;
const LATENCY_MAX: Duration = Duration::from_mins(10);

/// What a run came to.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) messages: u64,
    pub(crate) deliveries: u64,
    /// From when a message was due to when a member had it.
    pub(crate) delivered: Percentiles,
    /// From when a message was due to when its sender knew that it is stored.
    pub(crate) acked: Percentiles,
}

#[derive(Default)]
pub(crate) struct Ledger {
    run: Option<(Run, Option<oneshot::Sender<()>>)>,
    faults: Vec<String>,
}

/// A run under way.
pub(super) struct Run {
    plan: Plan,
    base: u64,
    /// When each message is due, by its number less `base`.
    due: Vec<Instant>,
    listeners: Vec<Listened>,
    deliveries_expected: u64,
    deliveries: u64,
    acked: u64,
    refused: u32,
    deliver_micros: Histogram<u64>,
    ack_micros: Histogram<u64>,
}

/// What one member has heard.
#[derive(Clone, Copy, Default)]
struct Listened {
    messages: u64,
    /// Of the messages' numbers, less `base`: it tells another set of messages from the right one.
    sum: u64,
    last_seq: u64,
}

impl Run {
    pub(super) fn new(plan: &Plan, base: u64, start: Instant, connections: usize) -> Self {
        let members = |burst: u32| plan.room_of(burst).members.len() as u64;
        let deliveries = (0..plan.bursts).map(|burst| members(burst) * u64::from(plan.burst)).sum();
        let histogram = || {
            let max = u64::try_from(LATENCY_MAX.as_micros()).expect("minutes fit");
            Histogram::new_with_bounds(1, max, 3).expect("the bounds are in order")
        };
        Self {
            plan: plan.clone(),
            base,
            due: (0..plan.messages()).map(|index| start + plan.due(index)).collect(),
            listeners: vec![Listened::default(); connections],
            deliveries_expected: deliveries,
            deliveries: 0,
            acked: 0,
            refused: 0,
            deliver_micros: histogram(),
            ack_micros: histogram(),
        }
    }

    fn is_complete(&self) -> bool {
        self.deliveries >= self.deliveries_expected && self.acked >= self.due.len() as u64
    }

    fn due(&self, number: u64) -> Option<Instant> {
        let index = usize::try_from(number.checked_sub(self.base)?).ok()?;
        self.due.get(index).copied()
    }

    fn delivered(&mut self, member: usize, seq: u64, number: u64, now: Instant) -> Result<()> {
        let due = self.due(number).context("a message of another run")?;
        let heard = &mut self.listeners[member];
        ensure!(
            heard.messages == 0 || seq == heard.last_seq + 1,
            "member {member} was given {seq} after {}",
            heard.last_seq
        );
        heard.last_seq = seq;
        heard.messages += 1;
        heard.sum += number - self.base;
        self.deliveries += 1;
        record(&mut self.deliver_micros, now.saturating_duration_since(due));
        Ok(())
    }

    fn acked(&mut self, id: u64, now: Instant) -> Result<()> {
        let due = self.due(id).context("an ack of another run")?;
        self.acked += 1;
        record(&mut self.ack_micros, now.saturating_duration_since(due));
        Ok(())
    }

    /// The room of a message that was refused for the moment.
    fn again(&mut self, id: u64) -> Result<String> {
        self.refused += 1;
        ensure!(self.refused <= REFUSALS_MAX, "{REFUSALS_MAX} refusals");
        self.due(id).context("a refusal of another run")?;
        Ok(self.plan.room_at(id - self.base).name.clone())
    }

    /// Every member of a room has as many messages, the same ones, and the same last.
    fn outcome(&self) -> Result<Outcome> {
        let messages = self.due.len() as u64;
        ensure!(
            self.deliveries == self.deliveries_expected && self.acked == messages,
            "{} of {} deliveries, {} of {messages} acks",
            self.deliveries,
            self.deliveries_expected,
            self.acked
        );
        for room in &self.plan.rooms {
            let heard = &self.listeners[room.members.clone()];
            let same = |it: &Listened| {
                (it.messages, it.sum, it.last_seq)
                    == (heard[0].messages, heard[0].sum, heard[0].last_seq)
            };
            ensure!(heard.iter().all(same), "the members of {} heard different things", room.name);
        }
        Ok(Outcome {
            messages,
            deliveries: self.deliveries,
            delivered: Percentiles::of_micros(&self.deliver_micros),
            acked: Percentiles::of_micros(&self.ack_micros),
        })
    }
}

impl Ledger {
    pub(super) fn begin(&mut self, run: Run, done: oneshot::Sender<()>) -> Result<()> {
        self.quiet()?;
        self.run = Some((run, Some(done)));
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<Outcome> {
        let (run, _) = self.run.take().context("no run was begun")?;
        self.quiet()?;
        run.outcome()
    }

    /// Nothing has gone wrong.
    pub(super) fn quiet(&self) -> Result<()> {
        if let Some(first) = self.faults.first() {
            bail!("{first} ({} faults)", self.faults.len());
        }
        Ok(())
    }

    pub(super) fn delivered(&mut self, member: usize, seq: u64, number: u64, now: Instant) {
        self.count(|run| run.delivered(member, seq, number, now));
    }

    pub(super) fn acked(&mut self, id: u64, now: Instant) {
        self.count(|run| run.acked(id, now));
    }

    pub(super) fn again(&mut self, id: u64) -> Result<String> {
        let (run, _) = self.run.as_mut().context("a refusal after the end of the run")?;
        run.again(id)
    }

    pub(super) fn fault(&mut self, fault: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
        // There is nothing more to wait for.
        if let Some((_, done)) = &mut self.run
            && let Some(done) = done.take()
        {
            let _nobody_waits = done.send(());
        }
    }

    fn count(&mut self, add: impl FnOnce(&mut Run) -> Result<()>) {
        let Some((run, done)) = &mut self.run else {
            return self.fault("something came after the end of the run".to_owned());
        };
        match add(run) {
            Err(error) => self.fault(error.to_string()),
            Ok(()) if run.is_complete() => {
                if let Some(done) = done.take() {
                    let _nobody_waits = done.send(());
                }
            }
            Ok(()) => {}
        }
    }
}

fn record(histogram: &mut Histogram<u64>, latency: Duration) {
    histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::sync::oneshot;

    use super::{Ledger, Plan, Run};
    use crate::crowd::Room;

    const BASE: u64 = 100;

    /// Two members, two messages; what was heard is judged.
    fn judged(heard: &[(usize, u64, u64)], acks: &[u64]) -> Result<u64, String> {
        let room = Room { name: "room".to_owned(), members: 0..2 };
        let plan = Plan { rooms: vec![room], bursts: 2, burst: 1, gap: Duration::from_millis(1) };
        let mut ledger = Ledger::default();
        let (done, _finished) = oneshot::channel();
        let run = Run::new(&plan, BASE, Instant::now(), 2);
        ledger.begin(run, done).expect("nothing has gone wrong yet");
        for (member, seq, number) in heard {
            ledger.delivered(*member, *seq, *number, Instant::now());
        }
        for id in acks {
            ledger.acked(*id, Instant::now());
        }
        ledger.end().map(|it| it.deliveries).map_err(|error| error.to_string())
    }

    const ALL: [(usize, u64, u64); 4] = [(0, 7, 100), (1, 7, 100), (0, 8, 101), (1, 8, 101)];

    #[test]
    fn what_is_complete_and_in_order_is_well() {
        assert_eq!(judged(&ALL, &[100, 101]), Ok(4));
    }

    #[test]
    fn everything_else_fails_the_run() {
        let swapped = [(0, 8, 101), (0, 7, 100), (1, 7, 100), (1, 8, 101)];
        let twice = [(0, 7, 100), (0, 7, 100), (1, 7, 100), (1, 8, 101)];
        let foreign = [(0, 7, 99), (1, 7, 100), (0, 8, 101), (1, 8, 101)];
        let different = [(0, 7, 100), (1, 7, 101), (0, 8, 101), (1, 8, 101)];
        for (heard, acks, reason) in [
            (&ALL[..3], &[100, 101][..], "3 of 4 deliveries"),
            (&ALL, &[100], "1 of 2 acks"),
            (&swapped, &[100, 101], "member 0 was given 7 after 8"),
            (&twice, &[100, 101], "member 0 was given 7 after 7"),
            (&foreign, &[100, 101], "a message of another run"),
            (&different, &[100, 101], "heard different things"),
            (&ALL, &[100, 102], "an ack of another run"),
        ] {
            let refused = judged(heard, acks).expect_err(reason);
            assert!(refused.contains(reason), "{reason}: {refused}");
        }
    }
}
