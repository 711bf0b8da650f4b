//! One room's order: its stream, its recent changes, and what waits for each of the writers.

use hubbub_domain::Rev;
use tokio::time::Instant;

use super::{Epoch, encoded::Live, ring::Ring, run::Run, stream::Stream};

/// Changes that arrive between the subscription and the head. At the bound they are dropped: the
/// head, or the next change, tells that something is missing.
const EARLY_MAX: usize = 256;
/// Changes that wait for a writer. At the bound all are dropped, and its followers caught up.
pub(super) const WAITING_MAX: usize = 1_024;

pub(super) struct Order {
    pub(super) phase: Phase,
    /// Which history the room's revisions belong to; unknown until the hub knows one.
    epoch: Epoch,
    /// The last change that was offered of another epoch: there is something to fetch once the room
    /// is in it.
    elsewhere: Option<(Epoch, Rev)>,
    pub(super) ring: Ring,
    /// What each writer has to give to its own followers.
    waiting: Box<[Waiting]>,
    pub(super) repairing: bool,
    /// Since when nobody follows.
    idle_since: Option<Instant>,
    /// Removed from the hub: attach to the next one.
    retired: bool,
}

/// A room's way to being live.
#[derive(Debug)]
pub(super) enum Phase {
    /// Not known to be subscribed, or its head was not read since; what arrives early is kept.
    Opening {
        early: Vec<Live>,
    },
    Live(Stream<Live>),
}

#[derive(Default)]
struct Waiting {
    /// Contiguous, up to the stream's last.
    changes: Vec<Live>,
    /// Some were dropped.
    lost: bool,
    /// The writer knows of the room.
    named: bool,
    followers: u32,
}

/// What a writer takes.
pub(super) struct News {
    /// What became deliverable since the writer was there last.
    pub(super) run: Option<Run>,
    /// How far the room has come.
    pub(super) last: Rev,
    pub(super) epoch: Epoch,
}

/// What became of changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Offered {
    /// These writers are to be told that there is something to give.
    pub(super) writers: Vec<usize>,
    /// Some changes are of another epoch, and have no place in the room.
    pub(super) elsewhere: bool,
}

impl Order {
    pub(super) fn new(writers: usize, epoch: Epoch) -> Self {
        Self {
            epoch,
            elsewhere: None,
            phase: Phase::Opening { early: Vec::new() },
            ring: Ring::default(),
            waiting: (0..writers).map(|_| Waiting::default()).collect(),
            repairing: false,
            idle_since: Some(Instant::now()),
            retired: false,
        }
    }

    pub(super) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The last revision that was put in order, if the room is live.
    pub(super) const fn last(&self) -> Option<Rev> {
        match &self.phase {
            Phase::Live(stream) => Some(stream.last()),
            Phase::Opening { .. } => None,
        }
    }

    /// Learns how far history has come, if the room is live.
    pub(super) fn note_head(&mut self, head: Rev) {
        if let Phase::Live(stream) = &mut self.phase {
            stream.note_head(head);
        }
    }

    /// Puts changes in order, or keeps them until the room is live.
    pub(super) fn offer(&mut self, mut changes: Vec<Live>) -> Offered {
        let epoch = self.epoch;
        let strange = |live: &Live| !live.change.epoch().fits(epoch);
        let elsewhere = self.last().is_some() && changes.iter().any(strange);
        if elsewhere {
            let last = changes.iter().rev().find(|live| strange(live));
            self.elsewhere = last.map(|live| (live.change.epoch(), live.change.rev()));
            changes.retain(|live| !strange(live));
        }
        Offered { writers: self.place(changes), elsewhere }
    }

    fn place(&mut self, changes: Vec<Live>) -> Vec<usize> {
        let stream = match &mut self.phase {
            Phase::Live(stream) => stream,
            Phase::Opening { early } => {
                let room = EARLY_MAX.saturating_sub(early.len());
                early.extend(changes.into_iter().take(room));
                return Vec::new();
            }
        };
        let mut ready = Vec::with_capacity(changes.len());
        for live in changes {
            stream.offer(live.change.rev(), live, |_, live| ready.push(live));
        }
        if ready.is_empty() {
            return Vec::new();
        }
        let mut writers = Vec::new();
        // Measured at the first writer alone: once for each change.
        let mut measured = true;
        for (writer, waiting) in self.waiting.iter_mut().enumerate() {
            if waiting.followers > 0 {
                let changes = ready.iter().map(|live| Live { measured, ..live.clone() });
                if waiting.put(changes) {
                    writers.push(writer);
                }
                measured = false;
            }
        }
        for live in ready {
            self.ring.push(live.change);
        }
        writers
    }

    /// What waits for this writer. Whoever is not one behind it has to be caught up.
    pub(super) fn take_news(&mut self, writer: usize) -> Option<News> {
        let last = self.last();
        let waiting = &mut self.waiting[writer];
        waiting.named = false;
        let changes = std::mem::take(&mut waiting.changes);
        let lost = std::mem::take(&mut waiting.lost);
        let run = Run::new(changes);
        let epoch = self.epoch;
        (lost || run.is_some()).then_some(News { run, last: last?, epoch })
    }

    /// Continues at `head`: what has not been given by then is caught up.
    pub(super) fn jump_to(&mut self, head: Rev) {
        if let Phase::Live(stream) = &mut self.phase {
            stream.jump_to(head);
        }
        self.ring.clear();
        self.drop_waiting();
    }

    /// The room goes on in an epoch that shares its revisions up to `kept`; without it none.
    pub(super) fn fork(&mut self, epoch: Epoch, kept: Option<Rev>) {
        let kept = kept.unwrap_or_default();
        if let Phase::Live(stream) = &mut self.phase {
            stream.fork(kept);
        }
        self.ring.forget_after(kept);
        self.drop_waiting();
        self.epoch = epoch;
        if let Some((of, rev)) = self.elsewhere.take()
            && of == epoch
        {
            self.note_head(rev);
        }
    }

    fn drop_waiting(&mut self) {
        for waiting in &mut self.waiting {
            waiting.changes = Vec::new();
        }
    }

    /// Somebody came to this writer's followers.
    pub(super) fn note_follower(&mut self, writer: usize) {
        self.waiting[writer].followers += 1;
    }

    /// So many of this writer's followers have gone.
    pub(super) fn note_gone(&mut self, writer: usize, followers: usize) {
        let left = &mut self.waiting[writer].followers;
        *left = left.saturating_sub(u32::try_from(followers).unwrap_or(u32::MAX));
        if !self.is_followed() && self.idle_since.is_none() {
            self.idle_since = Some(Instant::now());
        }
    }

    pub(super) fn is_followed(&self) -> bool {
        self.waiting.iter().any(|it| it.followers > 0)
    }

    /// Puts off retirement, since somebody is about to follow. False when it came too late.
    pub(super) fn keep(&mut self) -> bool {
        if !self.is_followed() {
            self.idle_since = Some(Instant::now());
        }
        !self.retired
    }

    /// Nobody lets it go any more. False when it came too late.
    pub(super) fn note_busy(&mut self) -> bool {
        if !self.retired {
            self.idle_since = None;
        }
        !self.retired
    }

    /// True for the one caller who has to repair.
    pub(super) fn begin_repair(&mut self) -> bool {
        let needed = matches!(&self.phase, Phase::Live(stream) if stream.has_gap());
        needed && !std::mem::replace(&mut self.repairing, true)
    }

    /// What is still missing after this revision, and how much. `None` ends the repair.
    pub(super) fn missing(&mut self) -> Option<(Rev, u64)> {
        if let Phase::Live(stream) = &self.phase
            && stream.has_gap()
            && !self.retired
        {
            return Some((stream.last(), stream.behind_by()));
        }
        self.repairing = false;
        None
    }

    /// Retires the room when nobody has followed it since `before`.
    pub(super) fn retire_if_idle(&mut self, before: Instant) -> bool {
        let idle = self.idle_since.is_some_and(|since| since <= before);
        self.retired |= idle;
        idle
    }
}

impl Waiting {
    /// True when the writer is to be told.
    fn put(&mut self, changes: impl ExactSizeIterator<Item = Live>) -> bool {
        if self.lost || self.changes.len() + changes.len() > WAITING_MAX {
            (self.changes, self.lost) = (Vec::new(), true);
        } else {
            self.changes.extend(changes);
        }
        !std::mem::replace(&mut self.named, true)
    }
}
