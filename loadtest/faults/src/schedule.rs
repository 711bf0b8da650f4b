//! What breaks when: a sequence of rounds that the seed alone decides.
//!
//! Kinds are dealt like cards, so that every kind comes up before any comes up again. A long run
//! begins with every kind alone; after that, and in a short run from the beginning, faults come in
//! random pairs. When a round happens depends on how fast the cluster heals; what it is does not.

use std::{fmt, time::Duration};

use hubbub_testkit::Direction;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

use crate::kind::{Kind, Network, Role};

/// How many of each role the rig's cluster has.
pub(crate) const EACH: usize = 2;
/// The shortest and the longest fault, in milliseconds.
const LASTING_MS: (u64, u64) = (300, 3_000);
/// Longer than any caller waits for an answer.
const DEADLINE_OVER: Duration = Duration::from_secs(6);
/// Of three rounds with random faults, two have a pair.
const PAIRS_OF_THREE: u32 = 2;

/// The ways between processes that carry something under load: who, to whom.
const WAYS: [(&str, &[&str]); 4] = [
    ("clients", &["gateway-1", "gateway-2"]),
    ("gateway", &["history-1", "history-2", "room-1", "room-2", "redis"]),
    ("room", &["history-1", "history-2", "postgres", "redis"]),
    ("history", &["postgres", "redis"]),
];

/// A fault, and whom it hits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// There is only one.
    All,
    Node(String),
    Way {
        from: String,
        to: String,
        detail: Detail,
    },
    /// So many clients.
    Clients(usize),
}

/// What a fault of the network needs to know beside the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Detail {
    pub(crate) latency: Duration,
    pub(crate) bytes: u64,
    pub(crate) direction: Direction,
}

/// The faults of one round, which begin together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Round {
    pub(crate) number: usize,
    pub(crate) faults: Vec<Fault>,
    pub(crate) lasting: Duration,
}

/// Whether a run begins with every kind alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    EachAlone,
    Pairs,
}

/// All rounds of a seed, without an end.
pub(crate) struct Schedule {
    random: StdRng,
    deck: Vec<Kind>,
    alone: usize,
    opening: Opening,
    number: usize,
}

impl Schedule {
    pub(crate) fn new(seed: u64, opening: Opening) -> Self {
        let alone = if opening == Opening::EachAlone { Kind::ALL.len() } else { 0 };
        let random = StdRng::seed_from_u64(seed);
        Self { random, deck: Vec::new(), alone, opening, number: 0 }
    }

    /// The next kind that does not clash with another one; a new deck when this one is used up.
    fn deal(&mut self, beside: Option<Kind>) -> Kind {
        let fits = |kind: &Kind| beside.is_none_or(|other| !kind.clashes(other));
        if let Some(index) = self.deck.iter().rposition(fits) {
            return self.deck.remove(index);
        }
        let mut fresh = Kind::ALL.to_vec();
        fresh.shuffle(&mut self.random);
        // What is left clashes; it comes up first the next time.
        fresh.append(&mut self.deck);
        self.deck = fresh;
        self.deal(beside)
    }

    fn faults(&mut self) -> Vec<Fault> {
        let first = self.deal(None);
        let mut kinds = vec![first];
        let paired = match self.opening {
            Opening::Pairs => true,
            Opening::EachAlone => self.random.random_ratio(PAIRS_OF_THREE, 3),
        };
        if self.number > self.alone && paired {
            kinds.push(self.deal(Some(first)));
        }
        loop {
            let draw = |kind: &Kind| Fault::draw(*kind, &mut self.random);
            let faults: Vec<Fault> = kinds.iter().map(draw).collect();
            let [one, two] = &faults[..] else { return faults };
            // Every kind of the network has a way that no other fault takes away.
            if !one.is_idle_beside(two) {
                return faults;
            }
        }
    }
}

impl Iterator for Schedule {
    type Item = Round;

    fn next(&mut self) -> Option<Round> {
        self.number += 1;
        let faults = self.faults();
        let (shortest, longest) = LASTING_MS;
        let drawn = Duration::from_millis(self.random.random_range(shortest..longest));
        let over = faults.iter().any(|fault| fault.kind == Kind::DeadlineAfterCommit);
        let lasting = if over { DEADLINE_OVER } else { drawn };
        Some(Round { number: self.number, faults, lasting })
    }
}

impl Fault {
    /// Whether one is on a way to or from the process (or the store) that the other one takes away.
    fn is_idle_beside(&self, other: &Self) -> bool {
        let ends = |fault: &Self| match &fault.target {
            Target::Way { from, to, .. } => vec![from.clone(), to.clone()],
            _ => Vec::new(),
        };
        let takes = |fault: &Self| match (&fault.target, fault.kind) {
            (Target::Node(name), _) => name.clone(),
            (_, Kind::Redis(_)) => "redis".to_owned(),
            (_, Kind::Postgres(_)) => "postgres".to_owned(),
            _ => String::new(),
        };
        ends(self).contains(&takes(other)) || ends(other).contains(&takes(self))
    }

    /// A fault of this kind that hits somebody.
    fn draw(kind: Kind, random: &mut StdRng) -> Self {
        let node = |role: Role, random: &mut StdRng| {
            Target::Node(format!("{}-{}", role.name(), random.random_range(1..=EACH)))
        };
        let target = match kind {
            Kind::Process(role, _) => node(role, random),
            Kind::ReconnectStorm => node(Role::Gateway, random),
            Kind::Network(network) => way(network, random),
            Kind::SlowReaders => Target::Clients(random.random_range(1..=4)),
            _ => Target::All,
        };
        Self { kind, target }
    }
}

fn way(network: Network, random: &mut StdRng) -> Target {
    let (from, all) = WAYS[random.random_range(0..WAYS.len())];
    let to = all[random.random_range(0..all.len())].to_owned();
    let from = match from {
        "clients" => from.to_owned(),
        role => format!("{role}-{}", random.random_range(1..=EACH)),
    };
    let latency = Duration::from_millis(random.random_range(20..500));
    let bytes = random.random_range(1..5_000);
    let either = if random.random() { Direction::Up } else { Direction::Down };
    let direction = match network {
        Network::CutUp => Direction::Up,
        Network::CutDown => Direction::Down,
        _ => either,
    };
    Target::Way { from, to, detail: Detail { latency, bytes, direction } }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>3}  {:>4} ms  ", self.number, self.lasting.as_millis())?;
        for (index, fault) in self.faults.iter().enumerate() {
            write!(f, "{}{fault}", if index == 0 { "" } else { " + " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        let Target::Way { from, to, detail } = &self.target else {
            return match &self.target {
                Target::Node(name) => write!(f, " [{name}]"),
                Target::Clients(count) => write!(f, " [{count}]"),
                _ => Ok(()),
            };
        };
        write!(f, " [{from} to {to}")?;
        match self.kind {
            Kind::Network(Network::Latency) => write!(f, ", {} ms]", detail.latency.as_millis()),
            Kind::Network(Network::CutUp | Network::CutDown) => write!(f, ", {}]", detail.bytes),
            Kind::Network(Network::HalfClose) => write!(f, ", {:?}]", detail.direction),
            _ => write!(f, "]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{Kind, Opening, Round, Schedule};

    fn rounds(seed: u64, opening: Opening, count: usize) -> Vec<Round> {
        Schedule::new(seed, opening).take(count).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_schedule() {
        for seed in 0..20 {
            for opening in [Opening::EachAlone, Opening::Pairs] {
                assert_eq!(rounds(seed, opening, 200), rounds(seed, opening, 200));
            }
        }
        assert_ne!(rounds(1, Opening::Pairs, 20), rounds(2, Opening::Pairs, 20));
    }

    #[test]
    fn a_long_run_begins_with_every_kind_alone() {
        let first = rounds(7, Opening::EachAlone, Kind::ALL.len());
        assert!(first.iter().all(|round| round.faults.len() == 1));
        let kinds: BTreeSet<_> = first.iter().map(|round| round.faults[0].kind).collect();
        assert_eq!(kinds.len(), Kind::ALL.len());
    }

    #[test]
    fn in_pairs_every_kind_comes_up_before_the_next_deck_and_nothing_clashes() {
        for seed in 0..50 {
            let mut seen: BTreeMap<Kind, usize> = BTreeMap::new();
            for round in rounds(seed, Opening::Pairs, Kind::ALL.len() / 2 + 2) {
                let [one, two] = &round.faults[..] else { panic!("a pair: {round}") };
                assert!(!one.kind.clashes(two.kind), "{round}");
                assert!(!one.is_idle_beside(two), "{round}");
                for fault in &round.faults {
                    *seen.entry(fault.kind).or_default() += 1;
                }
            }
            assert_eq!(seen.len(), Kind::ALL.len(), "seed {seed}");
        }
    }
}
