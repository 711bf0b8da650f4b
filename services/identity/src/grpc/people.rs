//! Calls about people and how they stand to each other.

use hubbub_domain::{Fault, UserId, names};
use hubbub_proto::{
    identity::v1::{
        AcceptContactRequest, AcceptContactResponse, CheckBlocksRequest, CheckBlocksResponse,
        Contact, DeclineContactRequest, DeclineContactResponse, GetUsersRequest, GetUsersResponse,
        ListBlocksRequest, ListBlocksResponse, ListContactsRequest, ListContactsResponse,
        RemoveContactRequest, RemoveContactResponse, RequestContactRequest, RequestContactResponse,
        SearchUsersRequest, SearchUsersResponse, SetBlockRequest, SetBlockResponse,
        UpdateProfileRequest, UpdateProfileResponse,
    },
    timestamp,
};

use crate::{
    contacts::Wish,
    identity::Identity,
    input, profile,
    store::{Page, ProfileChange},
    wire::contact_state,
};

/// Profiles of one call.
const USERS_MAX: usize = 200;
/// People looked at in one call.
const PEERS_MAX: usize = 1_000;
/// Characters of a prefix: longer than any name.
const PREFIX_CHARS_MAX: usize = 64;

impl Identity {
    pub(super) async fn do_get_users(
        &self,
        request: GetUsersRequest,
    ) -> Result<GetUsersResponse, Fault> {
        let ids = input::users("user_ids", &request.user_ids, USERS_MAX)?;
        let users = self.users(&ids).await?;
        Ok(GetUsersResponse { users: users.iter().map(Into::into).collect() })
    }

    pub(super) async fn do_update_profile(
        &self,
        request: UpdateProfileRequest,
    ) -> Result<UpdateProfileResponse, Fault> {
        let user = input::user("actor_id", &request.actor_id)?;
        let display_name = |text| profile::display_name(text, self.reserved());
        let change = ProfileChange {
            display_name: request.display_name.as_deref().map(display_name).transpose()?,
            colour: request.colour.as_deref().map(profile::colour).transpose()?,
            avatar_url: request.avatar_url.as_deref().map(profile::avatar_url).transpose()?,
            groups_from: input::audience("groups_from", request.groups_from)?,
            presence_to: input::audience("presence_to", request.presence_to)?,
        };
        let (user, settings) = self.update_profile(&user, &change).await?;
        Ok(UpdateProfileResponse { user: Some((&user).into()), settings: Some(settings.into()) })
    }

    pub(super) async fn do_search_users(
        &self,
        request: SearchUsersRequest,
    ) -> Result<SearchUsersResponse, Fault> {
        input::user("actor_id", &request.actor_id)?;
        if request.prefix.is_empty() {
            return Err(Fault::bad_request("prefix is empty"));
        }
        if request.prefix.chars().count() > PREFIX_CHARS_MAX {
            return Err(Fault::bad_request("prefix is longer than any name"));
        }
        if request.prefix.chars().any(char::is_control) {
            return Err(Fault::bad_request("prefix has a control character"));
        }
        let limit = input::page_limit(request.limit)?;
        let after = input::parse_cursor::<2>(&request.cursor)?.map(|[name, id]| (name, id));
        let mut users = self.search(names::fold(&request.prefix), after, limit + 1).await?;
        let next_cursor =
            cut(&mut users, limit, |user| input::cursor(&[&user.name, user.id.as_str()]));
        Ok(SearchUsersResponse { users: users.iter().map(Into::into).collect(), next_cursor })
    }

    pub(super) async fn do_request_contact(
        &self,
        request: RequestContactRequest,
    ) -> Result<RequestContactResponse, Fault> {
        let pair = input::pair(&request.actor_id, &request.peer_id)?;
        let link = self.wish(pair, Wish::Request).await?;
        Ok(RequestContactResponse { state: contact_state(link).into() })
    }

    pub(super) async fn do_accept_contact(
        &self,
        request: AcceptContactRequest,
    ) -> Result<AcceptContactResponse, Fault> {
        self.wish(input::pair(&request.actor_id, &request.peer_id)?, Wish::Accept).await?;
        Ok(AcceptContactResponse {})
    }

    pub(super) async fn do_decline_contact(
        &self,
        request: DeclineContactRequest,
    ) -> Result<DeclineContactResponse, Fault> {
        let wish = if request.for_good { Wish::DeclineForGood } else { Wish::Decline };
        self.wish(input::pair(&request.actor_id, &request.peer_id)?, wish).await?;
        Ok(DeclineContactResponse {})
    }

    pub(super) async fn do_remove_contact(
        &self,
        request: RemoveContactRequest,
    ) -> Result<RemoveContactResponse, Fault> {
        self.wish(input::pair(&request.actor_id, &request.peer_id)?, Wish::Remove).await?;
        Ok(RemoveContactResponse {})
    }

    pub(super) async fn do_list_contacts(
        &self,
        request: ListContactsRequest,
    ) -> Result<ListContactsResponse, Fault> {
        let user = input::user("actor_id", &request.actor_id)?;
        let only = input::only(request.state)?;
        let limit = input::page_limit(request.limit)?;
        let page = Page { user, after: after(&request.cursor)?, limit: limit + 1 };
        let mut contacts = self.contacts(page, only).await?;
        let next_cursor =
            cut(&mut contacts, limit, |(user, ..)| input::cursor(&[user.id.as_str()]));
        let contacts = contacts.iter().map(|(user, link, changed_at)| Contact {
            user: Some(user.into()),
            state: contact_state(Some(*link)).into(),
            changed_at: Some(timestamp(*changed_at)),
        });
        Ok(ListContactsResponse { contacts: contacts.collect(), next_cursor })
    }

    pub(super) async fn do_set_block(
        &self,
        request: SetBlockRequest,
    ) -> Result<SetBlockResponse, Fault> {
        let pair = input::pair(&request.actor_id, &request.peer_id)?;
        let wish = if request.blocked { Wish::Block } else { Wish::Unblock };
        self.wish(pair, wish).await?;
        Ok(SetBlockResponse {})
    }

    pub(super) async fn do_list_blocks(
        &self,
        request: ListBlocksRequest,
    ) -> Result<ListBlocksResponse, Fault> {
        let user = input::user("actor_id", &request.actor_id)?;
        let limit = input::page_limit(request.limit)?;
        let page = Page { user, after: after(&request.cursor)?, limit: limit + 1 };
        let mut users = self.blocks(&page).await?;
        let next_cursor = cut(&mut users, limit, |user| input::cursor(&[user.id.as_str()]));
        Ok(ListBlocksResponse { users: users.iter().map(Into::into).collect(), next_cursor })
    }

    pub(super) async fn do_check_blocks(
        &self,
        request: CheckBlocksRequest,
    ) -> Result<CheckBlocksResponse, Fault> {
        let user = input::user("user_id", &request.user_id)?;
        let peers = input::users("peer_ids", &request.peer_ids, PEERS_MAX)?;
        let blocked = self.blocks_between(&user, &peers).await?;
        Ok(CheckBlocksResponse { blocked_ids: blocked.into_iter().map(String::from).collect() })
    }
}

/// The place after which a list by user id goes on.
fn after(cursor: &str) -> Result<Option<UserId>, Fault> {
    let Some([id]) = input::parse_cursor::<1>(cursor)? else { return Ok(None) };
    UserId::parse(&id)
        .map(Some)
        .map_err(|_| Fault::bad_request("cursor is not one that was given out"))
}

/// One more than the page was asked for: whether there is a next one, and where it begins.
fn cut<T>(items: &mut Vec<T>, limit: u32, place: impl Fn(&T) -> String) -> String {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if items.len() <= limit {
        return String::new();
    }
    items.truncate(limit);
    items.last().map(place).unwrap_or_default()
}
