//! What rooms' own orders say of their members and of themselves, looked into: the order tells it also when
//! the bus has lost the word for the user, or for the room.

use std::sync::Arc;

use hubbub_domain::RoomId;
use tokio::sync::mpsc;

use super::{Standing, Users};
use crate::{
    backends::Membership,
    hub::{Aside, Departure},
};

/// Members of a room who are asked about, until one still is a member.
const ASKED_MAX: usize = 8;

impl Users {
    /// Confirms departures, and learns how rooms are set. Runs for the life of the gateway.
    pub(crate) async fn look_into(self: Arc<Self>, mut asides: mpsc::Receiver<Aside>) {
        while let Some(aside) = asides.recv().await {
            let users = Arc::clone(&self);
            match aside {
                Aside::Departed(departure) => users.look_into_departure(departure),
                Aside::Resettled(room) => {
                    self.tasks.spawn(async move { users.learn_settings(room).await });
                }
            }
        }
    }

    fn look_into_departure(self: Arc<Self>, Departure { user, room, rev }: Departure) {
        let Some(user) = self.get(&user) else { return };
        let users = Arc::clone(&self);
        self.tasks.spawn(async move {
            if users.confirm(&user, room).await == Standing::Member {
                users.hub.reinstate(user.id(), room, rev);
            }
        });
    }

    /// Asks how a room is set, as often as it takes. One member's answer holds for all.
    async fn learn_settings(&self, room: RoomId) {
        let followers = self.hub.followers(room);
        for follower in followers.iter().take(ASKED_MAX) {
            let Some(user) = self.get(follower.user()) else { continue };
            loop {
                match self.backends.membership(user.id(), room).await {
                    Ok(membership) => return self.settle(room, &membership),
                    Err(fault) if fault.code.retryable() => {
                        tokio::time::sleep(self.config.retry).await;
                    }
                    Err(_) => break,
                }
            }
        }
    }

    fn settle(&self, room: RoomId, now: &Membership) {
        for session in self.hub.followers(room) {
            if let Some(user) = self.get(session.user()) {
                user.update(room, |known| {
                    known.state = now.state;
                    known.slow_mode_seconds = now.slow_mode_seconds;
                    known.name.clone_from(&now.name);
                });
            }
        }
    }
}
