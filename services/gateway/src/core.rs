//! What every door stands on: one value that knows the hub, the users, and the services behind, and
//! carries out what clients ask for. A door authenticates, decodes and encodes; the rules are here.

mod chats;
mod entering;
mod messages;
mod people;
mod presence;
mod receipts;
mod rooms;
mod welcome;
mod wording;

use std::sync::Arc;

use hubbub_client_protocol::{Command, Reply};
use hubbub_domain::{Clock, Fault, RoomId, UserId};
use hubbub_ephemeral::Ephemeral;
use moka::future::Cache;

pub(crate) use people::known_users;
pub(crate) use welcome::{Opening, Plan, WelcomeHead, Welcomed};

use crate::{
    appender::Appender,
    backends::{Backends, Membership},
    config::Config,
    crowds::Crowds,
    grants::Grant,
    hub::Hub,
    presence::Presences,
    quotas::Quotas,
    rates::Rates,
    receipts::Receipts,
    session::{Session, Sessions},
    typing::{Device, Typing},
    users::{User, Users},
};

pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) backends: Backends,
    pub(crate) hub: Arc<Hub>,
    pub(crate) users: Arc<Users>,
    pub(crate) appender: Arc<Appender>,
    pub(crate) sessions: Sessions,
    pub(crate) rates: Arc<Rates>,
    pub(crate) quotas: Quotas,
    pub(crate) presences: Arc<Presences>,
    pub(crate) crowds: Arc<Crowds>,
    pub(crate) typing: Arc<Typing>,
    pub(crate) state: Arc<dyn Ephemeral>,
    pub(crate) receipts: Arc<Receipts>,
    /// Users who are known to exist.
    pub(crate) known: Cache<UserId, ()>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Who asks. The user is always the token's, never a field of the request.
#[derive(Clone)]
pub(crate) enum Caller {
    /// Over a connection: memberships are known here and kept true.
    Session { user: Arc<User>, session: Arc<Session> },
    /// A single request: memberships are asked for.
    Request { user: UserId, grant: Arc<Grant> },
}

impl Caller {
    pub(crate) fn id(&self) -> &UserId {
        match self {
            Self::Session { user, .. } => user.id(),
            Self::Request { user, .. } => user,
        }
    }

    /// Where the caller types.
    fn device(&self) -> Device {
        match self {
            Self::Session { session, .. } => Device(session.id().number()),
            Self::Request { .. } => Device(0),
        }
    }

    /// The login that the caller's token belongs to, when it is one of ours.
    fn login(&self) -> Option<String> {
        let grant = match self {
            Self::Session { session, .. } => session.grant()?,
            Self::Request { grant, .. } => Arc::clone(grant),
        };
        grant.login.as_deref().map(str::to_owned)
    }
}

impl Core {
    /// Carries out one request. `send` is not among them: see [`submit`](Self::submit).
    pub(crate) async fn execute(&self, caller: &Caller, command: Command) -> Result<Reply, Fault> {
        // What a client says by itself does not show that its user is there.
        if !matches!(command, Command::Ping(_) | Command::Delivered(_)) {
            self.note_request(caller);
        }
        self.carry_out(caller, command).await.map_err(wording::of_clients)
    }

    async fn carry_out(&self, caller: &Caller, command: Command) -> Result<Reply, Fault> {
        match command {
            Command::Hello(_) => Err(Fault::bad_request("hello was said already")),
            Command::Refresh(_) => Err(Fault::bad_request("only a connection can be refreshed")),
            Command::Send(send) => self.send(caller, send).await,
            Command::Edit(edit) => self.edit(caller, edit).await,
            Command::Delete(delete) => self.delete(caller, &delete).await,
            Command::React(react) => self.react(caller, react).await,
            Command::History(history) => self.history(caller, &history).await,
            Command::Read(read) => self.read(caller, &read).await,
            Command::Delivered(delivered) => self.delivered(caller, &delivered).await,
            Command::Receipts(receipts) => self.receipts(caller, &receipts).await,
            Command::Edits(edits) => self.edits(caller, &edits).await,
            Command::OpenDirect(open) => self.open_direct(caller, &open).await,
            Command::CreateRoom(create) => self.create_room(caller, create).await,
            Command::UpdateRoom(update) => self.update_room(caller, update).await,
            Command::Join(join) => self.join(caller, &join).await,
            Command::Leave(leave) => self.leave(caller, &leave).await,
            Command::Invite(invite) => self.invite(caller, invite).await,
            Command::Remove(remove) => self.remove(caller, &remove).await,
            Command::SetRole(set_role) => self.set_role(caller, &set_role).await,
            Command::Members(members) => self.members(caller, members).await,
            Command::Chats(chats) => self.chats(caller, chats).await,
            Command::UpdateChat(update) => self.update_chat(caller, &update).await,
            Command::PublicRooms(rooms) => self.public_rooms(caller, rooms).await,
            Command::Typing(typing) => self.typing(caller, &typing).await,
            Command::Watch(watch) => self.watch(caller, watch).await,
            Command::Ping(_) => Ok(Reply::Done {}),
            command => Box::pin(self.execute_about_people(caller, command)).await,
        }
    }

    async fn execute_about_people(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<Reply, Fault> {
        match command {
            Command::Me(_) => self.me(caller).await,
            Command::UpdateMe(update) => self.update_me(caller, update).await,
            Command::SearchUsers(search) => self.search_users(caller, search).await,
            Command::Profiles(profiles) => self.profiles(profiles).await,
            Command::Contacts(contacts) => self.contacts(caller, contacts).await,
            Command::RequestContact(request) => self.request_contact(caller, request.user).await,
            Command::AcceptContact(accept) => self.accept_contact(caller, accept.user).await,
            Command::DeclineContact(decline) => self.decline_contact(caller, decline).await,
            Command::RemoveContact(remove) => self.remove_contact(caller, remove.user).await,
            Command::Block(block) => self.block(caller, block.user).await,
            Command::Unblock(unblock) => self.unblock(caller, unblock.user).await,
            Command::Blocks(blocks) => self.blocks(caller, blocks).await,
            Command::Logout(_) => self.logout(caller).await,
            Command::LogoutEverywhere(_) => self.logout_everywhere(caller).await,
            other => {
                let text = format!("{} is not carried out here", other.name());
                Err(Fault::new(hubbub_domain::Code::Internal, text))
            }
        }
    }

    /// Whoever asks for something is not away.
    fn note_request(&self, caller: &Caller) {
        if let Caller::Session { session, .. } = caller
            && session.note_request()
        {
            self.presences.returned(session);
        }
    }

    /// The caller's standing in a room. Absent and foreign rooms give the same refusal.
    async fn membership(&self, caller: &Caller, room: RoomId) -> Result<Membership, Fault> {
        match caller {
            Caller::Session { user, .. } => self.users.membership(user, room).await,
            Caller::Request { user, .. } => self.backends.membership(user, room).await,
        }
    }

    /// After a request that made the caller a member: their sessions here follow at once, whatever
    /// the bus does.
    async fn admitted(&self, caller: &Caller, room: RoomId) -> Result<(), Fault> {
        if let Caller::Session { user, .. } = caller {
            self.users.admit(user, room).await?;
        }
        Ok(())
    }
}
