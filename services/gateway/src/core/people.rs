//! Commands about people: profiles, contacts, blocks, and the end of the caller's own logins.

use hubbub_client_protocol::{
    Blocks, Contacts, ContactsPage, DeclineContact, Profiles, Reply, SearchUsers, Standing,
    UpdateMe, UsersPage,
};
use hubbub_domain::{Code, Fault, UserId};
use hubbub_proto::identity::v1 as wire;
use moka::future::Cache;

use super::{Caller, Core, messages::page_limit};
use crate::people;

/// Profiles of one request.
const PROFILES_MAX: usize = 200;
/// Users who are remembered to exist. Beyond it the least used are asked about again.
const KNOWN_MAX: u64 = 100_000;

/// Nobody at first.
pub(crate) fn known_users() -> Cache<UserId, ()> {
    Cache::new(KNOWN_MAX)
}

impl Core {
    pub(super) async fn me(&self, caller: &Caller) -> Result<Reply, Fault> {
        let request = wire::GetMeRequest { actor_id: caller.id().to_string() };
        let answer = self.backends.get_me(request).await?;
        Ok(Reply::Me(Box::new(people::me(answer.user, answer.settings)?)))
    }

    pub(super) async fn update_me(
        &self,
        caller: &Caller,
        update: UpdateMe,
    ) -> Result<Reply, Fault> {
        let request = wire::UpdateProfileRequest {
            actor_id: caller.id().to_string(),
            display_name: update.display_name,
            colour: update.colour,
            avatar_url: update.avatar_url,
            groups_from: update.groups_from.map(|it| people::wire_audience(it).into()),
            presence_to: update.presence_to.map(|it| people::wire_audience(it).into()),
        };
        let answer = self.backends.update_profile(request).await?;
        Ok(Reply::Me(Box::new(people::me(answer.user, answer.settings)?)))
    }

    /// Refuses a user who does not exist. Users are never removed, so one who was found is remembered.
    /// Where no identity service runs there is no list of users.
    pub(super) async fn check_known(&self, users: &[UserId]) -> Result<(), Fault> {
        if self.backends.grants().is_none() {
            return Ok(());
        }
        let new = users.iter().filter(|user| !self.known.contains_key(*user));
        let new: Vec<&UserId> = new.collect();
        for some in new.chunks(PROFILES_MAX) {
            let user_ids = some.iter().map(ToString::to_string).collect();
            let found = self.backends.get_users(wire::GetUsersRequest { user_ids }).await?.users;
            for user in some {
                if !found.iter().any(|found| found.user_id == user.as_str()) {
                    return Err(Fault::new(Code::NotFound, format!("there is no user {user}")));
                }
                self.known.insert((*user).clone(), ()).await;
            }
        }
        Ok(())
    }

    pub(super) async fn search_users(
        &self,
        caller: &Caller,
        search: SearchUsers,
    ) -> Result<Reply, Fault> {
        let request = wire::SearchUsersRequest {
            actor_id: caller.id().to_string(),
            prefix: search.prefix,
            cursor: search.cursor.unwrap_or_default(),
            limit: page_limit(search.limit)?,
        };
        let answer = self.backends.search_users(request).await?;
        Ok(Reply::Users(people::users(answer.users, answer.next_cursor)?))
    }

    pub(super) async fn profiles(&self, profiles: Profiles) -> Result<Reply, Fault> {
        if profiles.users.len() > PROFILES_MAX {
            let text = format!("users has more than {PROFILES_MAX} entries");
            return Err(Fault::new(Code::LimitReached, text));
        }
        if profiles.users.is_empty() {
            return Ok(Reply::Users(UsersPage { users: Vec::new(), next_cursor: None }));
        }
        let user_ids = profiles.users.into_iter().map(Into::into).collect();
        let answer = self.backends.get_users(wire::GetUsersRequest { user_ids }).await?;
        Ok(Reply::Users(people::users(answer.users, String::new())?))
    }

    pub(super) async fn contacts(
        &self,
        caller: &Caller,
        contacts: Contacts,
    ) -> Result<Reply, Fault> {
        let request = wire::ListContactsRequest {
            actor_id: caller.id().to_string(),
            state: people::wire_contact_state(contacts.state).into(),
            cursor: contacts.cursor.unwrap_or_default(),
            limit: page_limit(contacts.limit)?,
        };
        let answer = self.backends.list_contacts(request).await?;
        let contacts = answer.contacts.into_iter().map(people::contact);
        Ok(Reply::Contacts(ContactsPage {
            contacts: contacts.collect::<Result<_, _>>()?,
            next_cursor: crate::views::next_cursor(answer.next_cursor),
        }))
    }

    pub(super) async fn request_contact(
        &self,
        caller: &Caller,
        peer: UserId,
    ) -> Result<Reply, Fault> {
        let (actor_id, peer_id) = (caller.id().to_string(), peer.into());
        let request = wire::RequestContactRequest { actor_id, peer_id };
        let answer = self.backends.request_contact(request).await?;
        Ok(Reply::Standing(Standing { state: people::contact_state(answer.state())? }))
    }

    pub(super) async fn accept_contact(
        &self,
        caller: &Caller,
        peer: UserId,
    ) -> Result<Reply, Fault> {
        let (actor_id, peer_id) = (caller.id().to_string(), peer.into());
        self.backends.accept_contact(wire::AcceptContactRequest { actor_id, peer_id }).await?;
        Ok(Reply::Done {})
    }

    pub(super) async fn decline_contact(
        &self,
        caller: &Caller,
        decline: DeclineContact,
    ) -> Result<Reply, Fault> {
        let request = wire::DeclineContactRequest {
            actor_id: caller.id().to_string(),
            peer_id: decline.user.into(),
            for_good: decline.for_good,
        };
        self.backends.decline_contact(request).await?;
        Ok(Reply::Done {})
    }

    pub(super) async fn remove_contact(
        &self,
        caller: &Caller,
        peer: UserId,
    ) -> Result<Reply, Fault> {
        let (actor_id, peer_id) = (caller.id().to_string(), peer.into());
        self.backends.remove_contact(wire::RemoveContactRequest { actor_id, peer_id }).await?;
        Ok(Reply::Done {})
    }

    pub(super) async fn block(&self, caller: &Caller, peer: UserId) -> Result<Reply, Fault> {
        let (actor_id, peer_id) = (caller.id().to_string(), peer.into());
        self.backends.set_block(wire::SetBlockRequest { actor_id, peer_id, blocked: true }).await?;
        Ok(Reply::Done {})
    }

    pub(super) async fn unblock(&self, caller: &Caller, peer: UserId) -> Result<Reply, Fault> {
        let (actor_id, peer_id) = (caller.id().to_string(), peer.into());
        let request = wire::SetBlockRequest { actor_id, peer_id, blocked: false };
        self.backends.set_block(request).await?;
        Ok(Reply::Done {})
    }

    pub(super) async fn blocks(&self, caller: &Caller, blocks: Blocks) -> Result<Reply, Fault> {
        let request = wire::ListBlocksRequest {
            actor_id: caller.id().to_string(),
            cursor: blocks.cursor.unwrap_or_default(),
            limit: page_limit(blocks.limit)?,
        };
        let answer = self.backends.list_blocks(request).await?;
        Ok(Reply::Users(people::users(answer.users, answer.next_cursor)?))
    }

    pub(super) async fn logout(&self, caller: &Caller) -> Result<Reply, Fault> {
        let no_login = || {
            Fault::new(
                Code::Conflict,
                "this token belongs to no login here; let it expire, or log \
                                        out everywhere",
            )
        };
        let session_id = caller.login().ok_or_else(no_login)?;
        let actor_id = caller.id().to_string();
        self.backends.logout(wire::LogoutRequest { actor_id, session_id }).await?;
        Ok(Reply::Done {})
    }

    pub(super) async fn logout_everywhere(&self, caller: &Caller) -> Result<Reply, Fault> {
        let request = wire::LogoutEverywhereRequest { actor_id: caller.id().to_string() };
        self.backends.logout_everywhere(request).await?;
        Ok(Reply::Done {})
    }
}
