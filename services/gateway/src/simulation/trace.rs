//! What happened in a world, in order: hashed, so that two runs can be compared, and written down
//! when somebody wants to read it (`HUBBUB_SIM_TRACE=1`). Breaches that are seen at once are kept
//! here as well.

use std::{
    collections::BTreeMap,
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use bytes::Bytes;
use hubbub_domain::{Rev, RoomId};
use parking_lot::Mutex;
use tokio::time::Instant;

pub(super) struct Trace {
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    hash: DefaultHasher,
    lines: Option<Vec<String>>,
    breaches: Vec<String>,
    /// Each change as its first reader saw it.
    seen: BTreeMap<(RoomId, Rev), Bytes>,
}

/// What is left of a trace.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) hash: u64,
    pub(super) lines: Vec<String>,
    pub(super) breaches: Vec<String>,
}

impl Trace {
    pub(super) fn new(written: bool) -> Self {
        let state = State { lines: written.then(Vec::new), ..State::default() };
        Self { begun: Instant::now(), state: Mutex::new(state) }
    }

    pub(super) fn note(&self, what: fmt::Arguments<'_>) {
        let line = format!("{:>6} {what}", self.begun.elapsed().as_millis());
        let mut state = self.state.lock();
        line.hash(&mut state.hash);
        if let Some(lines) = &mut state.lines {
            lines.push(line);
        }
    }

    pub(super) fn breach(&self, what: String) {
        self.note(format_args!("BREACH {what}"));
        self.state.lock().breaches.push(what);
    }

    /// A durable event is the same bytes for everybody, on every path.
    pub(super) fn saw(&self, room: RoomId, rev: Rev, bytes: &Bytes) {
        let first =
            self.state.lock().seen.entry((room, rev)).or_insert_with(|| bytes.clone()).clone();
        if first != *bytes {
            self.breach(format!("{room} rev {rev} is {bytes:?} and was {first:?}"));
        }
    }

    pub(super) fn record(&self) -> Record {
        let mut state = self.state.lock();
        Record {
            hash: state.hash.finish(),
            lines: state.lines.take().unwrap_or_default(),
            breaches: std::mem::take(&mut state.breaches),
        }
    }
}
