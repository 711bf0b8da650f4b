//! Writes what is delivered to many. Waking each session's task for one frame costs more than all
//! else but the write itself; so a few tasks give the followers of a room its news, and each
//! frame goes straight to its socket. A session's own task is woken only when its socket does
//! not take all.
//!
//! A session always belongs to the same writer. A room is named to a writer at most once until its news
//! are taken, so that a writer's list is bounded by the number of rooms, and what comes meanwhile
//! leaves in the same write.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use hubbub_domain::{Rev, UserId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Aside, Departure, Hub, order::News, room::Room, run::Run};
use crate::metrics;

/// Beyond this many the processors are busy with the sockets.
const WRITERS_MAX: usize = 16;

pub(super) struct Writers(Box<[Writer]>);

#[derive(Default)]
struct Writer {
    named: Mutex<VecDeque<Arc<Room>>>,
    filled: Notify,
}

impl Writers {
    /// As many as there are processors; in tests the same on every machine.
    pub(super) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let count = if cfg!(test) { 3 } else { processors.min(WRITERS_MAX) };
        Self((0..count).map(|_| Writer::default()).collect())
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Tells these writers that the room has news.
    pub(super) fn name(&self, room: &Arc<Room>, writers: &[usize]) {
        for writer in writers {
            let writer = &self.0[*writer];
            writer.named.lock().push_back(Arc::clone(room));
            writer.filled.notify_one();
        }
    }

    async fn next(&self, writer: usize) -> Arc<Room> {
        let writer = &self.0[writer];
        loop {
            let room = writer.named.lock().pop_front();
            match room {
                Some(room) => return room,
                None => writer.filled.notified().await,
            }
        }
    }
}

impl Hub {
    /// The tasks that write, to run for the life of the gateway.
    pub(crate) fn writers(
        self: &Arc<Self>,
    ) -> impl Iterator<Item = impl Future<Output = ()> + use<>> {
        (0..self.writers.count()).map(|writer| Arc::clone(self).write(writer))
    }

    async fn write(self: Arc<Self>, writer: usize) {
        loop {
            let room = self.writers.next(writer).await;
            let news = room.order().take_news(writer);
            if let Some(news) = news {
                let given = self.give(&room, writer, &news).await;
                metrics::delivered(given);
                self.measure(&news);
            }
        }
    }

    /// Gives news to all of a writer's followers; how many changes that came to.
    async fn give(&self, room: &Room, writer: usize, news: &News) -> usize {
        let (mut given, mut after) = (0, None);
        loop {
            let turn = room.give(writer, news, after);
            given += turn.given;
            for (user, rev) in turn.departed {
                self.ask_about(room, user, rev);
            }
            // Other tasks of the thread have their turn.
            tokio::task::yield_now().await;
            match turn.next {
                Some(next) => after = Some(next),
                None => return given,
            }
        }
    }

    fn measure(&self, news: &News) {
        let now = self.clock.now().as_micros();
        for posted_at in news.run.iter().flat_map(Run::posted_at) {
            let micros = u64::try_from(now - posted_at.as_micros()).unwrap_or(0);
            metrics::deliver_seconds(Duration::from_micros(micros).as_secs_f64());
        }
    }

    /// Has it asked whether somebody whose events stopped is a member.
    pub(super) fn ask_about(&self, room: &Room, user: UserId, rev: Rev) {
        let departure = Departure { user, room: room.id(), rev };
        let user = departure.user.clone();
        if self.asides.try_send(Aside::Departed(departure)).is_err() {
            // At the bound nobody asks whether they are back: they have to connect again.
            room.detach_user(&user);
        }
    }
}
