//! The guests of this gateway.

use std::{collections::HashSet, net::IpAddr, num::NonZeroU32, sync::Arc};

use dashmap::DashMap;
use governor::{
    NotUntil,
    clock::{Clock as _, DefaultClock, QuantaInstant},
};
use hubbub_client_protocol::lobby::{Guest, Nickname, RoomName};
use hubbub_domain::{Code, Fault};
use hubbub_proto::bus::v1::lobby_word::Audience;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::allowance::Limiter;
use crate::socketio::Socket;

/// What a guest may say for one event; more counts as several.
const BYTES_PER_EVENT: usize = 8 * 1024;

/// One guest's connection.
pub(super) struct Seat {
    pub(super) socket: Socket,
    address: IpAddr,
    limiter: Limiter,
    state: Mutex<State>,
}

struct State {
    guest: Guest,
    /// The nickname was chosen, not given out.
    logged_in: bool,
    rooms: HashSet<RoomName>,
    last_heard: Instant,
}

impl Seat {
    pub(super) fn new(socket: Socket, guest: Guest, (address, limiter): (IpAddr, Limiter)) -> Self {
        let state =
            State { guest, logged_in: false, rooms: HashSet::new(), last_heard: Instant::now() };
        Self { socket, address, limiter, state: Mutex::new(state) }
    }

    pub(super) const fn address(&self) -> IpAddr {
        self.address
    }

    pub(super) fn limiter(&self) -> Limiter {
        Arc::clone(&self.limiter)
    }

    pub(super) fn guest(&self) -> Guest {
        self.state.lock().guest.clone()
    }

    pub(super) fn is_logged_in(&self) -> bool {
        self.state.lock().logged_in
    }

    /// Takes another nickname; the one before.
    pub(super) fn rename(&self, nickname: Nickname, logged_in: bool) -> Nickname {
        let mut state = self.state.lock();
        state.logged_in = logged_in;
        std::mem::replace(&mut state.guest.name, nickname)
    }

    /// Counts an event of the guest.
    pub(super) fn heard(&self) -> Result<(), Fault> {
        self.state.lock().last_heard = Instant::now();
        self.limiter.check().map_err(|until| too_fast(&until))
    }

    /// Counts what an event weighs beyond itself: never more than the burst, which no event could pass.
    pub(super) fn weigh(&self, bytes: usize, burst: NonZeroU32) -> Result<(), Fault> {
        let more = u32::try_from(bytes / BYTES_PER_EVENT).unwrap_or(u32::MAX).min(burst.get());
        let Some(more) = NonZeroU32::new(more) else { return Ok(()) };
        match self.limiter.check_n(more) {
            Ok(admitted) => admitted.map_err(|until| too_fast(&until)),
            Err(_beyond_the_burst) => Ok(()),
        }
    }

    pub(super) fn is_silent_since(&self, before: Instant) -> bool {
        self.state.lock().last_heard < before
    }

    pub(super) fn join(&self, room: RoomName, rooms_max: usize) -> Result<(), Fault> {
        let mut state = self.state.lock();
        if state.rooms.len() >= rooms_max && !state.rooms.contains(&room) {
            let range = format!("a guest is in at most {rooms_max} rooms");
            return Err(Fault::new(Code::LimitReached, range));
        }
        state.rooms.insert(room);
        Ok(())
    }

    /// Whether a word is for this guest.
    pub(super) fn is_meant(&self, audience: Option<&Audience>) -> bool {
        match audience {
            None => true,
            Some(Audience::Others(sender)) => *sender != self.socket.id(),
            Some(Audience::Room(room)) => {
                room.sender != self.socket.id()
                    && RoomName::parse(&room.name)
                        .is_ok_and(|name| self.state.lock().rooms.contains(&name))
            }
            Some(Audience::Nickname(folded)) => self.state.lock().guest.name.folded() == *folded,
        }
    }
}

fn too_fast(until: &NotUntil<QuantaInstant>) -> Fault {
    let delay = until.wait_time_from(DefaultClock::default().now());
    Fault::new(Code::RateLimited, "too many events; slow down").retry_after(delay)
}

/// By the id of their socket.
#[derive(Default)]
pub(super) struct Guests(DashMap<Box<str>, Arc<Seat>>);

impl Guests {
    pub(super) fn enter(&self, seat: &Arc<Seat>) {
        self.0.insert(seat.socket.id().into(), Arc::clone(seat));
    }

    pub(super) fn leave(&self, socket: &str) {
        self.0.remove(socket);
    }

    pub(super) fn has(&self, socket: &str) -> bool {
        self.0.contains_key(socket)
    }

    pub(super) fn all(&self) -> Vec<Arc<Seat>> {
        self.0.iter().map(|seat| Arc::clone(&seat)).collect()
    }
}
