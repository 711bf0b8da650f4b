//! How many are in the rooms that somebody looks at.
//!
//! Nobody counts where nobody looks. A gateway where somebody looks at a room says so on the room's topic,
//! again and again; each gateway where sessions follow that room writes down who they are, and renews it;
//! whoever looks is told how many there are, when it has changed, at most once in a turn. A user is
//! counted once, on however many gateways they are; those of a gateway that died end by themselves.
//!
//! Who goes from here may be elsewhere still: they end a little later than another gateway would have
//! renewed them, and at once when they are offline, or no member any more.

mod ledger;

use std::{collections::HashMap, sync::Arc, time::Duration};

use hubbub_bus::Topic;
use hubbub_client_protocol::Event;
use hubbub_domain::{RoomId, UserId};
use hubbub_ephemeral::{Availability, Crowd, Ephemeral, EphemeralError};
use hubbub_proto::bus::v1::{self as wire, envelope};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use crate::{
    config::PresenceConfig,
    hub::Hub,
    presence::Presences,
    session::{Fleeting, Session, SessionId, tell_all},
    tidings::Tidings,
    users::Users,
};
use ledger::{Ledger, Moves};

/// How often those who look are told what is new, at the most.
const TURN: Duration = Duration::from_secs(1);
/// For how long the others believe that somebody looks, and how often they are told so.
const WANTED_TTL: Duration = Duration::from_secs(10);
const WANTED_INTERVAL: Duration = Duration::from_secs(3);
/// How long a single question counts as looking.
const GLANCE: Duration = Duration::from_secs(15);
/// From then on all gateways have had the time to say who is there.
const WHOLE_AFTER: Duration = Duration::from_secs(3);
/// People whose going is followed until they are offline. One more ends by their time.
const LEAVING_MAX: usize = 100_000;

/// What counting stands on.
pub(crate) struct Grounds {
    pub(crate) state: Arc<dyn Ephemeral>,
    pub(crate) tidings: Tidings,
    pub(crate) hub: Arc<Hub>,
    pub(crate) users: Arc<Users>,
    pub(crate) presences: Arc<Presences>,
}

pub(crate) struct Crowds {
    /// How long somebody is there without being renewed, how often that is done.
    ttl: Duration,
    renew_interval: Duration,
    grace: Duration,
    on: Grounds,
    ledger: Mutex<Ledger>,
    work: Notify,
}

impl Crowds {
    pub(crate) fn new(config: &PresenceConfig, on: Grounds) -> Arc<Self> {
        Arc::new(Self {
            ttl: config.ttl,
            renew_interval: config.renew_interval,
            grace: config.grace,
            on,
            ledger: Mutex::new(Ledger::new(config.rooms_looked_at_max)),
            work: Notify::new(),
        })
    }

    /// Somebody asks how many are in these rooms: as far as it is known, in their order.
    pub(crate) fn glance(&self, rooms: &[RoomId]) -> Vec<Option<u64>> {
        let known = self.ledger.lock().glance(rooms);
        self.work.notify_one();
        known
    }

    /// A session is told of these rooms from now on, and of no others.
    pub(crate) fn watch(&self, session: &Arc<Session>, rooms: &[RoomId]) {
        self.ledger.lock().watch(session, rooms);
        self.work.notify_one();
    }

    /// The session has ended.
    pub(crate) fn look_away(&self, session: SessionId) {
        self.ledger.lock().look_away(session);
    }

    /// Another gateway, or this one, wants to know who is in a room.
    pub(crate) fn wanted(&self, room: RoomId, wanted: &wire::CrowdWanted) {
        let ttl = Duration::from_millis(wanted.ttl_ms.into()).min(WANTED_TTL);
        self.ledger.lock().want(room, ttl);
        self.work.notify_one();
    }

    /// What was written may have been lost.
    pub(crate) fn recover(&self) {
        self.ledger.lock().forget_written();
    }

    /// Runs for the life of the gateway.
    pub(crate) async fn count(self: Arc<Self>) {
        loop {
            if self.ledger.lock().is_idle() {
                self.work.notified().await;
            }
            if let Err(error) = self.turn().await {
                tracing::debug!(%error, "who is in which room is not known");
                let mut ledger = self.ledger.lock();
                ledger.forget_written();
                ledger.learn(&HashMap::new());
            }
            tokio::time::sleep(TURN).await;
        }
    }

    async fn turn(&self) -> Result<(), EphemeralError> {
        self.say_what_is_wanted();
        let moves = self.compare();
        self.on.state.gather(&moves.came, self.ttl).await?;
        self.let_go(moves.went).await?;
        self.follow_the_leaving().await?;
        let rooms = self.ledger.lock().looked_at();
        let sizes = if self.on.presences.is_settled() {
            self.on.state.crowd_sizes(&rooms).await?
        } else {
            Vec::new()
        };
        self.ledger.lock().learn(&rooms.into_iter().zip(sizes).collect());
        Ok(())
    }

    fn say_what_is_wanted(&self) {
        for room in self.ledger.lock().due() {
            let ttl_ms = u32::try_from(WANTED_TTL.as_millis()).unwrap_or(u32::MAX);
            let wanted = wire::CrowdWanted { room_id: room.to_string(), ttl_ms };
            self.on.tidings.tell(Topic::Room(room), envelope::Event::CrowdWanted(wanted));
        }
    }

    /// Who came and went since the last turn, and who has to be renewed.
    fn compare(&self) -> Moves {
        let wanted = self.ledger.lock().wanted(self.ttl);
        let mut moves = Moves::default();
        for room in wanted {
            let here = self.on.hub.audience(room);
            let here = here.iter().map(|session| session.user().clone()).collect();
            self.ledger.lock().compare(room, here, self.renew_interval, &mut moves);
        }
        moves
    }

    async fn let_go(&self, went: Vec<Crowd>) -> Result<(), EphemeralError> {
        let is_stranger = |room, user: &UserId| self.on.users.is_stranger(user, room);
        let (mut gone, mut leaving) = (Vec::new(), Vec::new());
        for Crowd { room, users } in went {
            let (strangers, others) = users.into_iter().partition(|user| is_stranger(room, user));
            gone.push(Crowd { room, users: strangers });
            leaving.push(Crowd { room, users: others });
        }
        self.on.state.scatter(&gone, Duration::ZERO).await?;
        let within = self.renew_interval + TURN;
        self.on.state.scatter(&leaving, within).await?;
        let until = Instant::now() + self.grace + within;
        self.ledger.lock().note_leaving(&leaving, until);
        Ok(())
    }

    /// Those who are offline now are gone.
    async fn follow_the_leaving(&self) -> Result<(), EphemeralError> {
        let users = self.ledger.lock().leaving();
        let presences = self.on.presences.read(&users).await?;
        let offline = presences.into_iter().filter(|it| it.availability == Availability::Offline);
        let offline = offline.map(|presence| presence.user).collect();
        let gone = self.ledger.lock().take_leaving(&offline);
        self.on.state.scatter(&gone, Duration::ZERO).await
    }
}
