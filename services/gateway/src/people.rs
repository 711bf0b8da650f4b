//! People on the wire between services, in the shapes that clients see.

use hubbub_client_protocol::{
    Audience, ContactState, ContactView, GrantView, MeView, UserKind, UserView, UsersPage,
};
use hubbub_domain::Fault;
use hubbub_proto::{from_timestamp, identity::v1 as wire};

use crate::{backends::malformed, views};

pub(crate) fn user(user: Option<wire::User>) -> Result<UserView, Fault> {
    let user = user.ok_or_else(malformed)?;
    let kind = match user.kind() {
        wire::UserKind::Account => UserKind::Account,
        wire::UserKind::Guest => UserKind::Guest,
        wire::UserKind::External => UserKind::External,
        wire::UserKind::Unspecified => return Err(malformed()),
    };
    Ok(UserView {
        user: user.user_id.parse()?,
        kind,
        name: user.name,
        display_name: user.display_name,
        colour: user.colour,
        avatar_url: user.avatar_url,
        created_at: user.created_at.map(from_timestamp).unwrap_or_default(),
        expires_at: user.expires_at.map(from_timestamp),
    })
}

pub(crate) fn me(
    one: Option<wire::User>,
    settings: Option<wire::Settings>,
) -> Result<MeView, Fault> {
    let settings = settings.ok_or_else(malformed)?;
    Ok(MeView {
        user: user(one)?,
        groups_from: audience(settings.groups_from())?,
        presence_to: audience(settings.presence_to())?,
    })
}

fn audience(audience: wire::Audience) -> Result<Audience, Fault> {
    match audience {
        wire::Audience::Everyone => Ok(Audience::Everyone),
        wire::Audience::Contacts => Ok(Audience::Contacts),
        wire::Audience::Nobody => Ok(Audience::Nobody),
        wire::Audience::Unspecified => Err(malformed()),
    }
}

pub(crate) const fn wire_audience(audience: Audience) -> wire::Audience {
    match audience {
        Audience::Everyone => wire::Audience::Everyone,
        Audience::Contacts => wire::Audience::Contacts,
        Audience::Nobody => wire::Audience::Nobody,
    }
}

pub(crate) fn users(users: Vec<wire::User>, next_cursor: String) -> Result<UsersPage, Fault> {
    Ok(UsersPage {
        users: users.into_iter().map(|one| user(Some(one))).collect::<Result<_, _>>()?,
        next_cursor: views::next_cursor(next_cursor),
    })
}

pub(crate) fn contact(contact: wire::Contact) -> Result<ContactView, Fault> {
    Ok(ContactView {
        state: contact_state(contact.state())?,
        changed_at: contact.changed_at.map(from_timestamp).unwrap_or_default(),
        user: user(contact.user)?,
    })
}

pub(crate) fn contact_state(state: wire::ContactState) -> Result<ContactState, Fault> {
    match state {
        wire::ContactState::None => Ok(ContactState::None),
        wire::ContactState::Outgoing => Ok(ContactState::Outgoing),
        wire::ContactState::Incoming => Ok(ContactState::Incoming),
        wire::ContactState::Contact => Ok(ContactState::Contact),
        wire::ContactState::Unspecified => Err(malformed()),
    }
}

pub(crate) const fn wire_contact_state(state: Option<ContactState>) -> wire::ContactState {
    match state {
        None => wire::ContactState::Unspecified,
        Some(ContactState::None) => wire::ContactState::None,
        Some(ContactState::Outgoing) => wire::ContactState::Outgoing,
        Some(ContactState::Incoming) => wire::ContactState::Incoming,
        Some(ContactState::Contact) => wire::ContactState::Contact,
    }
}

pub(crate) fn grant(grant: Option<wire::Grant>) -> Result<GrantView, Fault> {
    let grant = grant.ok_or_else(malformed)?;
    Ok(GrantView {
        access_token: grant.access_token,
        expires_at: grant.access_expires_at.map(from_timestamp).unwrap_or_default(),
        refresh_token: grant.refresh_token,
        refresh_expires_at: grant.refresh_expires_at.map(from_timestamp).unwrap_or_default(),
        login: grant.session_id,
        user: user(grant.user)?,
    })
}
