//! One client's connection, seen from the core: who it is, which rooms it follows, and what waits
//! to be written to it. How requests come in and frames go out is the door's matter; a session only
//! knows the codec that turns events into the door's frames.
//!
//! A session is a cheap handle that the hub and the user's entry share; its task belongs to the door.

mod expiry;
mod fleeting;
mod held;
mod outbox;
mod sessions;
mod wire;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use hubbub_auth::Claims;
use hubbub_client_protocol::Event;
use hubbub_domain::{Change, Rev, RoomId, UserId};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::grants::Grant;

pub(crate) use expiry::{Due, Expiry};
pub(crate) use fleeting::{Fleeting, offer_all, tell_all};
use held::Held;
pub(crate) use outbox::{Closing, Frame, Outbox, Wake};
pub(crate) use sessions::Sessions;
pub(crate) use wire::{Asked, Ending, Incoming, Reading, Wire};

/// Rooms that a client asked for, and which are kept before others. Beyond it the one asked for longest
/// ago is as good as others.
const OPENED_MAX: usize = 64;

/// How a door spells what the core tells.
pub(crate) trait Codec: Send + Sync + 'static {
    /// Which of the encodings of a change is this door's; below `hub::DOORS_MAX`.
    fn slot(&self) -> usize;

    /// A durable event, ready for the socket. Called once per change, not once per session.
    fn change(&self, room: RoomId, change: &Change) -> Bytes;

    /// Whether its clients come back by themselves when they are told to move.
    fn heeds_moving(&self) -> bool {
        false
    }

    /// An event for one client, ready for the socket.
    fn event(&self, event: &Event) -> Bytes;
}

/// What only one session's frames have, beyond what all sessions of a door share. While a method runs
/// nothing else of a room's order gets into the session's outbox, so it may number or stamp.
pub(crate) trait Tailor: Send + Sync + 'static {
    /// Puts the changes of a room that follow a revision into the outbox, until its bound: each in the
    /// door's own frame, or in another made from it and from what it tells. Returns how many were taken.
    fn offer(
        &self,
        outbox: &Outbox,
        place: (RoomId, Rev),
        frames: &[Frame],
        changes: &mut dyn Iterator<Item = &Change>,
    ) -> usize;

    /// As [`Outbox::approach`], for what this needs.
    fn approach(&self);

    /// Puts the newest page of a room in, from where its changes continue after `rev`.
    fn reset(&self, outbox: &Outbox, room: RoomId, rev: Rev, event: &Event);
}

/// Which rooms a session follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of its user's, as they come and go.
    All,
    /// Those that it entered.
    Entered,
}

/// How a door talks with a session.
pub(crate) struct Manner {
    pub(crate) codec: &'static dyn Codec,
    pub(crate) scope: Scope,
    /// The outbox is the connection's, which others use too: it outlives the session.
    pub(crate) shares_outbox: bool,
    pub(crate) tailor: Option<Arc<dyn Tailor>>,
}

impl Manner {
    /// Of a session that follows all of its user's rooms and shares all of its frames.
    pub(crate) fn plain(codec: &'static dyn Codec) -> Self {
        Self { codec, scope: Scope::All, shares_outbox: false, tailor: None }
    }
}

/// A number for the gateway's own tables, given out by [`Sessions`]; clients see another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionId(u64);

impl SessionId {
    /// Given out in sequence.
    pub(crate) const fn number(self) -> u64 {
        self.0
    }

    pub(crate) const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// The shared handle.
pub(crate) struct Session {
    id: SessionId,
    user: UserId,
    manner: Manner,
    outbox: Arc<Outbox>,
    /// Followed live; `None` once the session has ended.
    rooms: Mutex<Option<Vec<RoomId>>>,
    /// Rooms that the client asked for lately, the last one at the end.
    opened: Mutex<VecDeque<RoomId>>,
    /// Rooms whose events stopped, to be caught up.
    behind: Mutex<Vec<RoomId>>,
    /// What is told once the client has read what waits.
    held: Mutex<Held>,
    /// Somebody is catching this session up.
    catching_up: AtomicBool,
    /// The client was asked to move.
    moving: AtomicBool,
    /// Some room is followed no longer.
    let_go: AtomicBool,
    began: Instant,
    /// Milliseconds from the beginning to the last request.
    asked_after_ms: AtomicU64,
    /// Nothing was asked for so long that the session counts as idle.
    idle: AtomicBool,
    /// What the session stands on; `None` until its door has said.
    grant: Mutex<Option<Arc<Grant>>>,
}

impl Session {
    pub(crate) fn new(id: SessionId, user: UserId, manner: Manner, outbox: Arc<Outbox>) -> Self {
        Self {
            id,
            user,
            manner,
            outbox,
            rooms: Mutex::new(Some(Vec::new())),
            opened: Mutex::default(),
            behind: Mutex::default(),
            held: Mutex::default(),
            catching_up: AtomicBool::new(false),
            moving: AtomicBool::new(false),
            let_go: AtomicBool::new(false),
            began: Instant::now(),
            asked_after_ms: AtomicU64::new(0),
            idle: AtomicBool::new(false),
            grant: Mutex::default(),
        }
    }

    /// The session stands on this from now on: its door says so at the beginning, and when the client
    /// has shown another token.
    pub(crate) fn stand_on(&self, claims: &Claims) {
        *self.grant.lock() = Some(Arc::new(Grant::of(claims)));
    }

    pub(crate) fn grant(&self) -> Option<Arc<Grant>> {
        self.grant.lock().clone()
    }

    pub(crate) const fn id(&self) -> SessionId {
        self.id
    }

    pub(crate) const fn user(&self) -> &UserId {
        &self.user
    }

    pub(crate) fn codec(&self) -> &'static dyn Codec {
        self.manner.codec
    }

    pub(crate) fn scope(&self) -> Scope {
        self.manner.scope
    }

    pub(crate) const fn tailor(&self) -> Option<&Arc<dyn Tailor>> {
        self.manner.tailor.as_ref()
    }

    pub(crate) const fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Nothing is told any more.
    pub(crate) fn end(&self) {
        if !self.manner.shares_outbox {
            self.outbox.end();
        }
    }

    /// Tells the client something that no room's order holds.
    pub(crate) fn tell(&self, event: &Event) {
        self.outbox.event(self.manner.codec.event(event));
    }

    /// Tells the client something that the next word of the same kind about the same user and room
    /// makes void. While the client is slow only the newest is kept, until it has caught up.
    pub(crate) fn tell_newest(&self, about: (RoomId, &UserId), event: &Event) {
        let mut held = self.held.lock();
        if held.is_empty() && self.outbox.has_drained() {
            drop(held);
            return self.tell(event);
        }
        held.put(about, event.clone());
        drop(held);
        self.outbox.nudge();
    }

    /// Tells what was held back, if the client has read enough.
    pub(crate) fn tell_held(&self) {
        let mut held = self.held.lock();
        while self.outbox.has_drained()
            && let Some(event) = held.next()
        {
            self.tell(&event);
        }
    }

    /// All rooms are in another epoch now: to be told once what they lost was replaced. A client that may
    /// remember rooms which are not followed any more keeps the epoch it has.
    pub(crate) fn note_epoch(&self, epoch: &str) {
        if !self.let_go.load(Ordering::Relaxed) {
            self.held.lock().put_epoch(epoch);
            self.outbox.nudge();
        }
    }

    /// Tells the epoch, if no room waits to be caught up.
    pub(crate) fn tell_epoch(&self) {
        if !self.behind.lock().is_empty() || !self.outbox.has_drained() {
            return;
        }
        if let Some(epoch) = self.held.lock().take_epoch() {
            self.tell(&Event::Epoch { epoch: epoch.to_string() });
        }
    }

    /// Notes a followed room. False when the session has ended: nothing would take it back.
    pub(crate) fn note_room(&self, room: RoomId) -> bool {
        let mut rooms = self.rooms.lock();
        let Some(rooms) = rooms.as_mut() else { return false };
        if !rooms.contains(&room) {
            rooms.push(room);
        }
        true
    }

    /// The client asked for this room: others are given up before it.
    pub(crate) fn note_opened(&self, room: RoomId) {
        let mut opened = self.opened.lock();
        opened.retain(|known| *known != room);
        opened.push_back(room);
        if opened.len() > OPENED_MAX {
            opened.pop_front();
        }
    }

    /// The rooms that may be given up, when more than so many are followed.
    pub(crate) fn rooms_over(&self, rooms_max: usize) -> Option<Vec<RoomId>> {
        let rooms = self.rooms.lock();
        let rooms = rooms.as_ref().filter(|rooms| rooms.len() > rooms_max)?;
        let opened = self.opened.lock();
        Some(rooms.iter().filter(|room| !opened.contains(room)).copied().collect())
    }

    pub(crate) fn follows(&self, room: RoomId) -> bool {
        self.rooms.lock().as_ref().is_some_and(|rooms| rooms.contains(&room))
    }

    pub(crate) fn forget_room(&self, room: RoomId) {
        self.let_go.store(true, Ordering::Relaxed);
        if let Some(rooms) = self.rooms.lock().as_mut() {
            rooms.retain(|known| *known != room);
        }
    }

    /// Nobody undoes any more what is done for it.
    pub(crate) fn has_ended(&self) -> bool {
        self.rooms.lock().is_none()
    }

    /// Takes the list of followed rooms, at the end of the session: there will be no others.
    pub(crate) fn take_rooms(&self) -> Vec<RoomId> {
        self.rooms.lock().take().unwrap_or_default()
    }

    /// A room's events stopped here: to be caught up once the outbox has drained.
    pub(crate) fn note_behind(&self, room: RoomId) {
        let mut behind = self.behind.lock();
        if !behind.contains(&room) {
            behind.push(room);
        }
        drop(behind);
        self.outbox.nudge();
    }

    pub(crate) fn next_behind(&self) -> Option<RoomId> {
        self.behind.lock().pop()
    }

    /// There is something to be told once the outbox has drained.
    pub(crate) fn is_behind(&self) -> bool {
        !self.behind.lock().is_empty() || !self.held.lock().is_empty()
    }

    /// The client asks for something. True when it had been idle.
    pub(crate) fn note_request(&self) -> bool {
        self.asked_after_ms.store(self.age_ms(), Ordering::Relaxed);
        self.idle.load(Ordering::Relaxed) && self.idle.swap(false, Ordering::Relaxed)
    }

    /// Whether the client has asked for nothing for so long; noted until it does.
    pub(crate) fn note_idle(&self, after: Duration) -> bool {
        let since = self.age_ms().saturating_sub(self.asked_after_ms.load(Ordering::Relaxed));
        let idle = Duration::from_millis(since) >= after;
        self.idle.store(idle, Ordering::Relaxed);
        idle
    }

    fn age_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn note_moving(&self) {
        self.moving.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_moving(&self) -> bool {
        self.moving.load(Ordering::Relaxed)
    }

    /// True for the one caller who may catch the session up, until it says it has ended.
    pub(crate) fn begin_catch_up(&self) -> bool {
        !self.catching_up.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn end_catch_up(&self) {
        self.catching_up.store(false, Ordering::Release);
        if self.is_behind() {
            self.outbox.nudge();
        }
    }
}
