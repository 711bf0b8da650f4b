//! The lobby: a public room for guests in the Socket.IO namespace `/`, in the words of the tutorials
//! (`docs/socketio.md`). It knows nothing of users, rooms and messages of the core.
//!
//! What guests say goes over the bus, on a topic of its own, and comes back to every gateway, this one
//! among them: so all guests hear all in one order. At most once: what is lost with the bus is lost.
//! Nicknames are claimed in the ephemeral store, are unique in the cluster, and expire by themselves
//! when a gateway dies; how many are held there is how many guests there are.

mod allowance;
mod config;
mod door;
mod guests;
mod upkeep;
mod words;

use std::sync::Arc;

use hubbub_bus::{Bus, BusError, Subscriber, Topic};
use hubbub_client_protocol::lobby::{Asked, Nickname, Told, acknowledgement};
use hubbub_domain::{Code, Fault};
use hubbub_ephemeral::{Claim, Ephemeral, EphemeralError, Name};
use hubbub_proto::bus::v1::{LobbyRoom, lobby_word::Audience};
use serde_json::{Value, json};

use allowance::Allowances;
pub(crate) use config::Config;
pub(crate) use door::LobbyDoor;
use guests::{Guests, Seat};
pub(crate) use hubbub_client_protocol::lobby::NAMESPACE;

use crate::socketio::{Args, Event, Socket};

/// All nicknames of the cluster: each guest has one.
const SCOPE: &str = "lobby";
/// Those that were chosen.
const CHOSEN: &str = "lobby-chosen";
/// Random names that are tried before a guest is sent away.
const NAMES_TRIED: usize = 8;

pub(crate) struct Lobby {
    config: Config,
    text_chars_max: usize,
    names: Arc<dyn Ephemeral>,
    bus: Arc<dyn Bus>,
    guests: Guests,
    allowances: Allowances,
}

impl Lobby {
    /// Listens from here on.
    pub(crate) async fn open(
        config: Config,
        text_chars_max: usize,
        bus: Arc<dyn Bus>,
        names: Arc<dyn Ephemeral>,
    ) -> Result<(Arc<Self>, Subscriber), BusError> {
        let subscriber = bus.subscribe().await?;
        if let Err(error) = subscriber.subscriptions.add(&[Topic::Lobby]).await {
            tracing::warn!(%error, "the lobby has to wait for the bus");
        }
        let (guests, allowances) = (Guests::default(), Allowances::new(&config));
        let lobby = Self { config, text_chars_max, names, bus, guests, allowances };
        Ok((Arc::new(lobby), subscriber))
    }

    /// The guest is in: they and all others are told.
    async fn opened(&self, seat: &Arc<Seat>) {
        self.guests.enter(seat);
        let guest = seat.guest();
        let data = format!("{} came in", guest.name);
        tell(&seat.socket, Told::InitUser(guest));
        self.announce(SCOPE, |counts| Told::SysMessage { data, counts }).await;
    }

    /// Carries out an event of a guest; what acknowledges it.
    async fn event(&self, seat: &Seat, event: Event) -> Result<Value, Fault> {
        let Event { name, args } = event;
        seat.heard()?;
        words::check_placeholders(&args)?;
        let Args { values, attachments } = args;
        let asked = Asked::parse(&name, values, self.text_chars_max)?;
        let answer = acknowledgement(&asked);
        let (guest, sender) = (seat.guest(), seat.socket.id().to_owned());
        match asked {
            Asked::Login(nickname) => return self.login(seat, nickname).await,
            Asked::ChatMessage(fields) => {
                let told = Told::MessageFromServer { guest, fields };
                self.speak(seat, (told, attachments), None).await?;
            }
            Asked::Chat(text) => {
                let told = Told::Chat { text, id: sender };
                self.speak(seat, (told, Vec::new()), None).await?;
            }
            Asked::SendMessage(text, room) => {
                let audience = match room {
                    None => Audience::Others(sender),
                    Some(room) => {
                        Audience::Room(LobbyRoom { name: room.as_str().to_owned(), sender })
                    }
                };
                let told = Told::ReceiveMessage(text);
                self.speak(seat, (told, Vec::new()), Some(audience)).await?;
            }
            Asked::JoinRoom(room) => seat.join(room, self.config.rooms_per_guest_max)?,
            Asked::PrivateMessage(to, fields) => {
                let folded = to.folded();
                if self.names.owner(SCOPE, &folded).await.map_err(unavailable)?.is_none() {
                    return Err(Fault::new(Code::NotFound, format!("nobody is called {to}")));
                }
                let told = Told::PrivateMessage { guest, fields };
                let audience = Some(Audience::Nickname(folded));
                self.speak(seat, (told, attachments), audience).await?;
            }
        }
        Ok(answer)
    }

    /// The guest's connection has ended.
    async fn closed(&self, seat: &Seat) {
        self.guests.leave(seat.socket.id());
        self.allowances.end(seat.address(), seat.limiter());
        let nickname = seat.guest().name;
        let held = name(&nickname, seat);
        let scopes: &[&str] = if seat.is_logged_in() { &[SCOPE, CHOSEN] } else { &[SCOPE] };
        for scope in scopes {
            if let Err(error) = self.names.release(scope, std::slice::from_ref(&held)).await {
                tracing::debug!(%error, "a name is left to expire");
            }
        }
        let data = format!("{nickname} went away");
        self.announce(SCOPE, |counts| Told::SysMessage { data, counts }).await;
        if seat.is_logged_in() {
            self.announce(CHOSEN, |size| Told::System { nickname, size, flag: false }).await;
        }
    }

    async fn login(&self, seat: &Seat, nickname: Nickname) -> Result<Value, Fault> {
        let before = seat.guest().name;
        let (held, wanted) = (name(&before, seat), name(&nickname, seat));
        // The name that was given out may be kept.
        let reserved = nickname.is_reserved() && wanted.key != held.key;
        if reserved || !self.claim(SCOPE, &wanted).await? {
            let fault = Fault::new(Code::Conflict, format!("{nickname} is taken"));
            tell(&seat.socket, Told::Repeat(nickname));
            return Ok(json!(hubbub_client_protocol::chat::Refused::from(&fault)));
        }
        let was_logged_in = seat.is_logged_in();
        seat.rename(nickname.clone(), true);
        let renamed = held.key != wanted.key;
        if renamed {
            self.names.release(SCOPE, std::slice::from_ref(&held)).await.map_err(unavailable)?;
        }
        if was_logged_in && renamed {
            self.names.release(CHOSEN, &[held]).await.map_err(unavailable)?;
            let told = |size| Told::System { nickname: before, size, flag: false };
            self.announce(CHOSEN, told).await;
        }
        tell(&seat.socket, Told::LoginSuccess(nickname.clone()));
        if renamed || !was_logged_in {
            // The other scope says whose the name is.
            self.claim(CHOSEN, &wanted).await?;
            self.announce(CHOSEN, |size| Told::System { nickname, size, flag: true }).await;
        }
        Ok(json!({"ok": true}))
    }

    async fn random_name(&self, socket: &str) -> Result<Nickname, Fault> {
        for _ in 0..NAMES_TRIED {
            let nickname = Nickname::of_guest(rand::random_range(0..1_000_000));
            let wanted = Name { key: nickname.folded(), owner: socket.to_owned() };
            if self.claim(SCOPE, &wanted).await? {
                return Ok(nickname);
            }
        }
        Err(Fault::unavailable("the lobby is full"))
    }

    async fn claim(&self, scope: &str, name: &Name) -> Result<bool, Fault> {
        let names = std::slice::from_ref(name);
        let claims = self.names.claim(scope, names, self.config.names_kept).await;
        Ok(claims.map_err(unavailable)?.first() == Some(&Claim::Held))
    }

    /// Tells all how many there are now. Where that cannot be known nothing is told.
    async fn announce(&self, scope: &str, told: impl FnOnce(u64) -> Told) {
        let told = match self.names.count(scope).await {
            Ok(count) => self.say(told(count)).await,
            Err(error) => Err(unavailable(error)),
        };
        if let Err(fault) = told {
            tracing::debug!(%fault, "the lobby was not told how many there are");
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn unavailable(error: EphemeralError) -> Fault {
    tracing::debug!(%error, "the lobby cannot reach its names");
    Fault::unavailable("the lobby cannot be reached for the moment")
}

/// A nickname as this guest claims it.
fn name(nickname: &Nickname, seat: &Seat) -> Name {
    Name { key: nickname.folded(), owner: seat.socket.id().to_owned() }
}

/// Tells one guest.
fn tell(socket: &Socket, told: Told) {
    let name = told.name();
    socket.emit(name, &told.into_args());
}
