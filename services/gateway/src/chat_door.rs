//! The namespace `/chat` of the Socket.IO door: conversations, in the words of the many apps that were
//! written against a small Socket.IO server (`docs/socketio.md`). The rules, limits and errors are the
//! core's, as for every door.
//!
//! A client hears the rooms it has *entered*. What it has come to in each travels with every event as
//! an offset, which the stock client hands back when it reconnects, to whichever node: so what it
//! missed comes, once and in order, also when its node has died (`docs/adr/0012`).

mod answer;
mod codec;
mod events;
mod opening;
mod seat;
mod trail;

use std::sync::Arc;

use async_trait::async_trait;
use hubbub_auth::Verifier;
use hubbub_client_protocol::{
    CloseCode,
    chat::{ConnectRefused, Pid},
};
use hubbub_domain::{Code, Fault, RoomId, UserId};
use opening::Wish;
use seat::Seat;
use trail::Trail;

use crate::{
    core::{Core, Opening, Welcomed},
    edge::ConnectionCaps,
    session::{Codec, Manner, Outbox, Scope},
    socketio::{Admitted, Connect, Namespace, Refusal, Socket},
};

pub(crate) use hubbub_client_protocol::chat::NAMESPACE;

/// What the namespace needs.
pub(crate) struct ChatDoor {
    pub(crate) core: Arc<Core>,
    pub(crate) verifier: Verifier,
    pub(crate) caps: ConnectionCaps,
}

/// A session that may begin, and where it stands.
struct Begun {
    welcomed: Welcomed,
    trail: Arc<Trail>,
    pid: Option<Pid>,
}

#[async_trait]
impl Namespace for ChatDoor {
    async fn connect(&self, connect: Connect) -> Result<Admitted, Refusal> {
        self.let_in(&connect).await.map_err(|fault| {
            tracing::debug!(%fault, "a client was not let into /chat");
            refusal(&fault)
        })
    }
}

impl ChatDoor {
    async fn let_in(&self, connect: &Connect) -> Result<Admitted, Fault> {
        let nothing = serde_json::Map::new();
        let auth = connect.auth.as_ref().unwrap_or(&nothing);
        let wish = Wish::read(auth, |name| connect.request.query(name))?;
        let token = connect.token().filter(|token| !token.is_empty()).ok_or_else(|| {
            Fault::new(Code::Unauthenticated, "no token was given: set auth.token")
        })?;
        let claims = self.verifier.verify(token).await?;
        let counted = self.caps.enter(&claims.sub)?;
        connect.socket.vouch(token);
        let begun = self.begin(&claims.sub, &wish, &connect.socket).await?;
        begun.welcomed.session.stand_on(&claims);
        let socket = match &begun.pid {
            Some(pid) => connect.socket.known_as(pid.socket()),
            None => connect.socket.clone(),
        };
        let pid = begun.pid.map(|pid| pid.as_str().to_owned());
        let seat = Seat::new(self, socket.clone(), (begun.welcomed, begun.trail), &claims)
            .echo(wish.echo)
            .counted(counted);
        Ok(Admitted { socket, participant: Arc::new(seat), pid })
    }

    /// Goes on where the client was, if it can; else begins anew.
    async fn begin(&self, user: &UserId, wish: &Wish, socket: &Socket) -> Result<Begun, Fault> {
        let outbox = socket.outbox();
        if let Some(begun) = self.go_on(user, wish, outbox).await? {
            return Ok(begun);
        }
        let entered: Vec<RoomId> = wish.room.into_iter().collect();
        let trail = Arc::new(Trail::new(user.clone(), wish.recovery));
        let opening = opening(&trail, outbox, None, entered.clone());
        let welcomed = self.core.welcome(user, opening).await?;
        if welcomed.rooms.len() < entered.len() {
            return Err(Fault::no_such_room());
        }
        for room in &welcomed.rooms {
            trail.enter(room.room, room.rev);
        }
        let pid = wish.recovery.then(|| Pid::new(&welcomed.epoch, user, socket.id()));
        Ok(Begun { welcomed, trail, pid })
    }

    async fn go_on(
        &self,
        user: &UserId,
        wish: &Wish,
        outbox: &Arc<Outbox>,
    ) -> Result<Option<Begun>, Fault> {
        let Some((pid, offset)) = wish.continuation(user) else { return Ok(None) };
        let memberships = self.core.users.enter(user).await?.memberships();
        let memberships = memberships.into_iter().map(|membership| membership.room);
        let Some(rooms) = opening::rooms_of(&offset, memberships) else { return Ok(None) };
        let trail = Arc::new(Trail::new(user.clone(), true));
        let entered: Vec<RoomId> = rooms.iter().map(|(room, _)| *room).collect();
        let resume = opening::resume(&pid, &rooms);
        let opening = opening(&trail, outbox, Some(resume), entered);
        let welcomed = self.core.welcome(user, opening).await?;
        // A room that was left since this was begun is not among the welcomed ones.
        let within_reach = welcomed.rooms.iter().all(|room| {
            let seen = rooms.iter().find(|(known, _)| *known == room.room);
            seen.and_then(|(_, seen)| room.rev.0.checked_sub(seen.0))
                .is_some_and(|missed| missed <= self.core.config.hub.catch_up_max)
        });
        // Rooms that lost what the client has seen cannot be continued, and Socket.IO recovers all or none.
        let holds = welcomed.rooms.iter().all(|room| !room.reset);
        if !holds || !within_reach {
            return Ok(None);
        }
        for (room, seen) in rooms {
            trail.enter(room, seen);
        }
        Ok(Some(Begun { welcomed, trail, pid: Some(pid) }))
    }
}

fn opening(
    trail: &Arc<Trail>,
    outbox: &Arc<Outbox>,
    resume: Option<hubbub_client_protocol::Resume>,
    entered: Vec<RoomId>,
) -> Opening {
    let codec: &'static dyn Codec =
        if trail.has_offsets() { &codec::OffsetCodec } else { &codec::PlainCodec };
    let tailor = Arc::clone(trail);
    let manner = Manner { codec, scope: Scope::Entered, shares_outbox: true, tailor: Some(tailor) };
    Opening { manner, outbox: Arc::clone(outbox), resume, entered }
}

fn refusal(fault: &Fault) -> Refusal {
    Refusal {
        message: fault.message.to_string(),
        data: serde_json::to_value(ConnectRefused::from(fault)).ok(),
    }
}

/// Why a seat is given up with its whole connection.
const TOO_FAST: CloseCode = CloseCode::Rate;
