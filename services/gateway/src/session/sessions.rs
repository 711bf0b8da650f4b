//! All sessions of this gateway, for counting them and for asking them to move.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use dashmap::DashMap;
use hubbub_client_protocol::{CloseCode, Event};
use rand::{RngExt as _, seq::SliceRandom as _};

use super::{Session, SessionId};
use crate::{config::DrainConfig, metrics};

#[derive(Default)]
pub(crate) struct Sessions {
    open: DashMap<SessionId, Arc<Session>>,
    last_id: AtomicU64,
}

impl Sessions {
    /// The number of a new session.
    pub(crate) fn next_id(&self) -> SessionId {
        SessionId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(crate) fn enter(&self, session: &Arc<Session>) {
        self.open.insert(session.id(), Arc::clone(session));
        metrics::sessions(self.open.len());
    }

    pub(crate) fn leave(&self, session: &Session) {
        self.open.remove(&session.id());
        metrics::sessions(self.open.len());
    }

    /// Asks every session to move: paced over the window and in random order, so that the other
    /// nodes see a trickle and not a crowd. Who has not moved in time is closed.
    pub(crate) async fn move_away(&self, config: &DrainConfig) {
        /// How often some are asked.
        const TURN: Duration = Duration::from_millis(100);
        /// Over how long those who are asked together come back.
        const SPREAD: Duration = Duration::from_millis(500);

        let turns = (config.window.as_millis() / TURN.as_millis()).max(1);
        for turn in 0..turns {
            let mut waiting: Vec<Arc<Session>> =
                self.open.iter().map(|entry| Arc::clone(entry.value())).collect();
            waiting.retain(|session| !session.is_moving());
            metrics::drain_remaining(waiting.len());
            waiting.shuffle(&mut rand::rng());
            let turns_left = usize::try_from(turns - turn).unwrap_or(1);
            waiting.truncate(waiting.len().div_ceil(turns_left));
            for session in &waiting {
                ask_to_move(session, SPREAD);
            }
            if self.open.is_empty() {
                return;
            }
            tokio::time::sleep(TURN).await;
        }
        self.wait_until_gone(config.patience).await;
        for session in &self.open {
            session.outbox().close(CloseCode::Moved);
        }
    }

    /// Asks some to move, spread over `within`: those that came first, and nobody twice; not those of
    /// doors whose clients would not know what to do. How many were there to be asked.
    pub(crate) fn ask_to_move(&self, count: usize, within: Duration) -> usize {
        let open = self.open.iter().map(|entry| Arc::clone(entry.value()));
        let heeding = open.filter(|session| session.codec().heeds_moving());
        let mut waiting: Vec<Arc<Session>> = heeding.filter(|s| !s.is_moving()).collect();
        if count < waiting.len() {
            waiting.select_nth_unstable_by_key(count, |session| session.id().number());
            waiting.truncate(count);
        }
        for session in &waiting {
            ask_to_move(session, within);
        }
        waiting.len()
    }

    pub(crate) fn count(&self) -> usize {
        self.open.len()
    }

    async fn wait_until_gone(&self, patience: Duration) {
        const LOOK: Duration = Duration::from_millis(50);

        let gone = async {
            while !self.open.is_empty() {
                tokio::time::sleep(LOOK).await;
            }
        };
        // Those who are left are closed by the caller.
        let _left = tokio::time::timeout(patience, gone).await;
    }
}

/// The client is to come back, elsewhere, after a moment of its own.
fn ask_to_move(session: &Arc<Session>, spread: Duration) {
    let after_ms_max = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX);
    session.note_moving();
    session.tell(&Event::Moving { after_ms: rand::rng().random_range(0..=after_ms_max) });
}
