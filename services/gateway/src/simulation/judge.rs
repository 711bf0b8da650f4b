//! Whether a world kept what hubbub promises: testkit's checker on the clients' logs, and what only
//! the simulation can know.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use hubbub_domain::{Rev, RoomId, UserId};
use hubbub_testkit::checker::{Breach, ClientLog, Evidence, check};
use parking_lot::Mutex;

use super::{backend::Backend, client::Diary, trace::Trace};

type Clients = [(UserId, Arc<Mutex<Diary>>)];

/// Judges the clients' logs by the rooms as they are now.
pub(super) fn judge(backend: &Backend, trace: &Trace, clients: &Clients, rooms: &[RoomId]) {
    let logs: Vec<ClientLog> = clients.iter().map(|(_, diary)| diary.lock().log.clone()).collect();
    let store = backend.store.lock();
    let stored = |room: &RoomId| {
        let messages = store.newest(*room, usize::MAX).0.into_iter().map(Into::into).collect();
        (*room, (messages, store.head(*room).rev))
    };
    let ever = |room: &RoomId| (*room, store.ever_members(*room).cloned().collect());
    let evidence = Evidence {
        logs,
        rooms: rooms.iter().map(stored).collect(),
        members: rooms.iter().map(ever).collect::<HashMap<_, HashSet<_>>>(),
        // Who has to be where, or out, is known better here: see `late`.
        ..Evidence::default()
    };
    drop(store);
    for breach in check(&evidence) {
        let breach: Breach = breach;
        trace.breach(format!("{breach:?}"));
    }
}

/// Who is not where they should be.
pub(super) fn late(backend: &Backend, clients: &Clients, rooms: &[RoomId]) -> Vec<String> {
    let store = backend.store.lock();
    let mut late = vec![];
    for (number, (user, diary)) in clients.iter().enumerate() {
        let diary = diary.lock();
        if !diary.connected || diary.unacked > 0 {
            late.push(format!("{user} ({number}) has {} unacknowledged", diary.unacked));
        }
        for room in rooms {
            let at: Option<Rev> = diary.log.revs.get(room).copied();
            let head = store.is_member(user, *room).then(|| store.head(*room).rev);
            if at != head {
                late.push(format!("{user} ({number}) is at {at:?} of {head:?} in {room}"));
            }
        }
    }
    late
}
