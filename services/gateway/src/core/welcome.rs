//! Opening a session: at most four calls and two rounds to Redis (the user's topic and the session's
//! lease at once, then the topics of the rooms), whatever the number of rooms.
//!
//! The order is what makes it exact: listen to the user's topic, read the memberships; listen to the
//! rooms, read their heads; tell the client those heads, and only then let events flow from them.

use std::{collections::HashMap, sync::Arc};

use hubbub_auth::Claims;
use hubbub_client_protocol::{Limits, Resume, Welcome, WelcomeRoom};
use hubbub_domain::{Fault, Rev, RoomId, UserId, limits};

use super::{Caller, Core};
#[cfg(test)]
use crate::simulation::planted::{self, Bug};
use crate::{
    backends::{Heads, Marker, Membership, RoomHead, another_epoch},
    config::Config,
    hub::{Epoch, Start},
    presence::Welcoming,
    session::{Codec, Expiry, Manner, Outbox, Scope, Session},
    steady::{SteadyMap, SteadySet},
    typing::Device,
    users::User,
    views,
};

/// Rooms whose heads are read on connecting. Of a user with more, the most recently joined are looked at.
const ROOMS_RANKED_MAX: usize = 20_000;

/// How a session begins.
pub(crate) struct Opening {
    pub(crate) manner: Manner,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) resume: Option<Resume>,
    /// Entered from the start, by a session that follows only what it [enters](Scope::Entered).
    pub(crate) entered: Vec<RoomId>,
}

impl Opening {
    /// Of a session that follows all of its user's rooms, over a connection of its own.
    pub(crate) fn plain(
        codec: &'static dyn Codec,
        outbox_bytes_max: usize,
        resume: Option<Resume>,
    ) -> Self {
        let outbox = Arc::new(Outbox::new(outbox_bytes_max));
        Self { manner: Manner::plain(codec), outbox, resume, entered: Vec::new() }
    }
}

/// A session that may be told `welcome`. Then [`Core::start`] carries out the plan.
pub(crate) struct Welcomed {
    pub(crate) caller: Caller,
    pub(crate) session: Arc<Session>,
    pub(crate) rooms: Vec<WelcomeRoom>,
    pub(crate) rooms_total: u32,
    pub(crate) epoch: String,
    pub(crate) plan: Plan,
}

/// What follows once the client was told `welcome`.
pub(crate) struct Plan {
    user: Arc<User>,
    /// Each room, and where its events begin.
    follow: Vec<(RoomId, Start)>,
    known: SteadySet<RoomId>,
    welcoming: Welcoming,
}

impl Core {
    pub(crate) async fn welcome(&self, user: &UserId, opening: Opening) -> Result<Welcomed, Fault> {
        let Opening { manner, outbox, resume, entered } = opening;
        self.rates.admit_opening(user)?;
        let id = self.sessions.next_id();
        let (user, welcoming) =
            tokio::try_join!(self.users.enter(user), self.presences.enter(user, id))?;
        let mut rooms = user.memberships();
        let rooms_total = u32::try_from(rooms.len()).unwrap_or(u32::MAX);
        let known = rooms.iter().map(|membership| membership.room).collect();
        if manner.scope == Scope::Entered {
            rooms.retain(|membership| entered.contains(&membership.room));
        }
        rooms.truncate(ROOMS_RANKED_MAX);
        self.rates.admit_rooms(user.id(), rooms.len())?;
        let rooms = self.recent(&user, rooms).await?;

        let ids: Vec<RoomId> = rooms.iter().map(|membership| membership.room).collect();
        self.hub.prepare(&ids).await;
        let heads = self.heads(&user, &rooms).await?;
        self.hub.settle(&heads).await?;
        let seen = self.seen(resume, &heads).await?;
        let mut ranked: Vec<(Membership, RoomHead)> = rooms
            .into_iter()
            .filter_map(|membership| {
                Some((heads.rooms.get(&membership.room).copied()?, membership))
            })
            .map(|(head, membership)| (membership, head))
            .collect();
        ranked.sort_by_key(|(membership, head)| {
            std::cmp::Reverse(head.last_at.max(Some(membership.joined_at)))
        });

        let follow: Vec<(RoomId, Start)> = ranked
            .iter()
            .rev() // The most recently active is the last to be given up.
            .map(|(membership, head)| (membership.room, seen.start(membership.room, head.head.rev)))
            .collect();
        let session = Arc::new(Session::new(id, user.id().clone(), manner, outbox));
        Ok(Welcomed {
            caller: Caller::Session { user: Arc::clone(&user), session: Arc::clone(&session) },
            session,
            rooms: ranked
                .iter()
                .map(|(membership, head)| {
                    let reset = seen.start(membership.room, head.head.rev) == Start::Anew;
                    let view = views::welcome_room(membership, *head, head.head.rev);
                    WelcomeRoom { reset, ..view }
                })
                .collect(),
            rooms_total,
            epoch: heads.epoch,
            plan: Plan { user, follow, known, welcoming },
        })
    }

    /// Lets events flow, from where each room's view begins.
    pub(crate) fn start(&self, session: &Arc<Session>, plan: Plan) {
        for (room, start) in plan.follow {
            self.hub.follow(session, room, start);
        }
        self.users.register(&plan.user, session, &plan.known);
        plan.welcoming.done(session);
    }

    /// The end of a session.
    pub(crate) fn end(&self, session: &Session) {
        session.end();
        // First of all: a request that is still carried out finds it ended.
        self.hub.leave(session);
        self.users.leave(session);
        self.typing.gone(session.user(), Device(session.id().number()));
        self.presences.leave(session.id());
        self.crowds.look_away(session.id());
    }

    /// How long a session may go on with a token.
    pub(crate) fn expiry_of(&self, claims: &Claims) -> Expiry {
        Expiry::new(claims.expires_at, self.clock.now(), self.config.session.expiry_notice)
    }

    pub(crate) fn limits(&self) -> Limits {
        let Config { session, users, edge, presence, typing, elsewhere, hub, .. } = &self.config;
        Limits {
            text_chars: session.text_chars_max,
            frame_bytes: session.frame_bytes_max,
            hello_frame_bytes: self.config.hello_bytes_max(),
            unfinished_bytes_per_address: edge.unfinished_bytes_per_address_max,
            connections_per_address: edge.connections_per_address_max,
            body_silence_ms: u64::try_from(edge.body_timeout.as_millis()).unwrap_or(u64::MAX),
            sends_per_second: users.sends_per_second.get(),
            sends_burst: users.sends_burst.get(),
            requests_per_second: users.requests_per_second.get(),
            requests_burst: users.requests_burst.get(),
            sessions_per_second: users.openings_per_second.get(),
            sessions_burst: users.openings_burst.get(),
            rooms_made_per_hour: users.rooms_made_per_hour.get(),
            rooms_made_burst: users.rooms_made_burst.get(),
            users_added_per_hour: users.people_added_per_hour.get(),
            users_added_burst: users.people_added_burst.get(),
            page: limits::PAGE_MAX,
            attachments: limits::ATTACHMENTS_MAX,
            mentions: limits::MENTIONS_MAX,
            users_watched: presence.watched_max,
            public_rooms_watched: presence.rooms_looked_at_max,
            typists: typing.typists_max,
            rate_refusals_in_a_row: session.rate_refusals_max,
            connections_per_user: edge.connections_per_user_max,
            connects_per_address_per_second: edge.connects_per_address_per_second.get(),
            group_members: elsewhere.group_members,
            receipts_told_members: elsewhere.receipts_told_members,
            receipts_asked_members: elsewhere.receipts_asked_members,
            reactions_per_message: elsewhere.reactions_per_message,
            emoji_per_message: elsewhere.emoji_per_message,
            reactions_per_user: elsewhere.reactions_per_user,
            slow_mode_seconds: elsewhere.slow_mode_seconds,
            rooms_followed: hub.rooms_per_session_max,
            outbox_bytes: session.outbox_bytes_max,
        }
    }

    /// Of more rooms than a session follows, the most recently active ones.
    async fn recent(
        &self,
        user: &User,
        mut rooms: Vec<Membership>,
    ) -> Result<Vec<Membership>, Fault> {
        let followed_max = self.config.hub.rooms_per_session_max;
        if rooms.len() > followed_max {
            let heads = self.heads(user, &rooms).await?;
            rooms.sort_by_key(|membership| {
                // Rooms in which nothing was said come last: they are made faster than messages.
                let head = heads.rooms.get(&membership.room);
                let last_said_at = head.and_then(|head| head.last_said_at);
                std::cmp::Reverse((last_said_at, membership.joined_at))
            });
            rooms.truncate(followed_max);
        }
        Ok(rooms)
    }

    /// How much of what the client knows holds.
    async fn seen(&self, resume: Option<Resume>, heads: &Heads) -> Result<Seen, Fault> {
        let epoch = Epoch::of(&heads.epoch);
        let Some(resume) = resume else { return Ok(Seen { rooms: None, survived: None, epoch }) };
        if resume.epoch == heads.epoch {
            return Ok(Seen { rooms: Some(resume.rooms), survived: None, epoch });
        }
        let rooms: Vec<RoomId> =
            resume.rooms.keys().filter(|room| heads.rooms.contains_key(*room)).copied().collect();
        let survived = self.backends.survived(&resume.epoch, &rooms).await?;
        if survived.revs.is_some() && !rooms.is_empty() && survived.epoch != heads.epoch {
            return Err(another_epoch());
        }
        let survived = Some(survived.revs.unwrap_or_default());
        Ok(Seen { rooms: Some(resume.rooms), survived, epoch })
    }

    async fn heads(&self, user: &User, rooms: &[Membership]) -> Result<Heads, Fault> {
        let markers: Vec<Marker> = rooms
            .iter()
            .map(|membership| Marker { room: membership.room, last_read: membership.last_read })
            .collect();
        if markers.is_empty() {
            // There is always one answer to ask for: the epoch.
            return self.backends.heads(Some(user.id()), &[]).await;
        }
        self.backends.heads(Some(user.id()), &markers).await
    }
}

/// What a client knows already.
struct Seen {
    /// The last revision of each room it has seen.
    rooms: Option<HashMap<RoomId, Rev>>,
    /// How far that holds, when it is of an earlier epoch.
    survived: Option<SteadyMap<RoomId, Rev>>,
    epoch: Epoch,
}

impl Seen {
    /// Where a room's events begin: after what the client has seen, or after the head it is told when it
    /// has seen nothing. What it saw beyond the head, or what was lost, means nothing.
    fn start(&self, room: RoomId, head: Rev) -> Start {
        let Some(seen) = self.rooms.as_ref().and_then(|rooms| rooms.get(&room).copied()) else {
            return Start::After(head, self.epoch);
        };
        let holds = match &self.survived {
            Some(survived) => survived.get(&room).copied().min(Some(head)),
            None => Some(head),
        };
        #[cfg(test)]
        if planted::has(Bug::ResumeOffByOne) && self.survived.is_none() && seen < head {
            return Start::After(seen.next(), self.epoch);
        }
        if holds.is_some_and(|holds| seen <= holds) {
            Start::After(seen, self.epoch)
        } else {
            Start::Anew
        }
    }
}

impl Welcomed {
    /// The answer to `hello`.
    pub(crate) fn message(&mut self, head: WelcomeHead) -> Welcome {
        let WelcomeHead { session, expires_at, heartbeat_ms, limits } = head;
        Welcome {
            session,
            user: self.caller.id().clone(),
            epoch: self.epoch.clone(),
            expires_at,
            heartbeat_ms,
            limits,
            rooms: std::mem::take(&mut self.rooms),
            rooms_total: self.rooms_total,
        }
    }
}

/// What the door adds to a welcome.
pub(crate) struct WelcomeHead {
    pub(crate) session: String,
    pub(crate) expires_at: hubbub_domain::Timestamp,
    pub(crate) heartbeat_ms: u64,
    pub(crate) limits: Limits,
}
