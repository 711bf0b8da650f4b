//! What is done from time to time: names are held on to, and guests who say nothing have to go.

use std::{sync::Arc, time::Duration};

use hubbub_client_protocol::lobby::Told;
use hubbub_ephemeral::{Claim, Name};
use tokio::time::{Instant, MissedTickBehavior};

use super::{CHOSEN, Lobby, SCOPE, guests::Seat, name, tell};

/// Names renewed in one call.
const NAMES_PER_CALL: usize = 1_000;

impl Lobby {
    /// Runs for the life of the gateway.
    pub(crate) async fn hold_names(self: Arc<Self>) {
        // Two renewals may fail before a name is lost.
        let mut ticks = tokio::time::interval(self.config.names_kept / 3);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for seats in self.guests.all().chunks(NAMES_PER_CALL) {
                self.renew(seats).await;
            }
        }
    }

    async fn renew(&self, seats: &[Arc<Seat>]) {
        let held = |seat: &Arc<Seat>| name(&seat.guest().name, seat);
        let names: Vec<Name> = seats.iter().map(held).collect();
        match self.names.claim(SCOPE, &names, self.config.names_kept).await {
            Ok(claims) => {
                for ((seat, name), claim) in seats.iter().zip(&names).zip(claims) {
                    if claim == Claim::Taken && held(seat) == *name {
                        self.rename(seat).await;
                    } else if !self.guests.has(seat.socket.id()) || held(seat) != *name {
                        // They left, or took another name, while this was under way.
                        self.give_back(name).await;
                    }
                }
            }
            Err(error) => {
                return tracing::warn!(%error, "the names of guests could not be renewed");
            }
        }
        let chosen: Vec<&Arc<Seat>> = seats.iter().filter(|seat| seat.is_logged_in()).collect();
        let names: Vec<Name> = chosen.iter().copied().map(held).collect();
        if let Err(error) = self.names.claim(CHOSEN, &names, self.config.names_kept).await {
            tracing::warn!(%error, "the chosen names of guests could not be renewed");
        }
        for (seat, name) in chosen.iter().zip(&names) {
            if !self.guests.has(seat.socket.id()) || held(seat) != *name {
                self.give_back(name).await;
            }
        }
    }

    /// Somebody else took the guest's name while the store had forgotten it.
    async fn rename(&self, seat: &Seat) {
        match self.random_name(seat.socket.id()).await {
            Ok(nickname) => {
                let lost = seat.rename(nickname, false);
                tell(&seat.socket, Told::Repeat(lost));
                tell(&seat.socket, Told::InitUser(seat.guest()));
            }
            Err(fault) => tracing::debug!(%fault, "a guest keeps a name that is another's"),
        }
    }

    async fn give_back(&self, name: &Name) {
        for scope in [SCOPE, CHOSEN] {
            if let Err(error) = self.names.release(scope, std::slice::from_ref(name)).await {
                tracing::debug!(%error, "a name is left to expire");
            }
        }
    }

    /// Runs for the life of the gateway.
    pub(crate) async fn see_off_the_silent(self: Arc<Self>) {
        const LOOK_MAX: Duration = Duration::from_secs(5);
        const LOOK_MIN: Duration = Duration::from_millis(50);

        let idle = self.config.idle_timeout;
        let mut ticks = tokio::time::interval((idle / 20).clamp(LOOK_MIN, LOOK_MAX));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.allowances.forget_recovered();
            let Some(before) = Instant::now().checked_sub(idle) else { continue };
            for seat in self.guests.all() {
                if seat.is_silent_since(before) {
                    let text = "you said nothing for a while and were disconnected";
                    tell(&seat.socket, Told::NoUser(text.to_owned()));
                    seat.socket.disconnect();
                }
            }
        }
    }
}
