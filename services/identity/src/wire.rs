//! The model on the wire.

use hubbub_proto::{identity::v1 as wire, timestamp};

use crate::{
    contacts::Link,
    grants::Grant,
    model::{User, UserKind},
    policy::{Adding, Audience, Settings, Visibility},
};

impl From<&User> for wire::User {
    fn from(user: &User) -> Self {
        let kind = match user.kind {
            UserKind::Account => wire::UserKind::Account,
            UserKind::Guest => wire::UserKind::Guest,
            UserKind::External => wire::UserKind::External,
        };
        Self {
            user_id: user.id.to_string(),
            kind: kind.into(),
            name: user.name.clone(),
            display_name: user.display_name.clone(),
            colour: user.colour.clone(),
            avatar_url: user.avatar_url.clone(),
            created_at: Some(timestamp(user.created_at)),
            expires_at: user.expires_at.map(timestamp),
        }
    }
}

impl From<Grant> for wire::Grant {
    fn from(grant: Grant) -> Self {
        Self {
            user: Some((&grant.user).into()),
            session_id: grant.session.to_string(),
            access_token: grant.access_token,
            access_expires_at: Some(timestamp(grant.access_expires_at)),
            refresh_token: grant.refresh_token.reveal(),
            refresh_expires_at: Some(timestamp(grant.refresh_expires_at)),
        }
    }
}

impl From<Settings> for wire::Settings {
    fn from(settings: Settings) -> Self {
        Self {
            groups_from: audience(settings.groups_from).into(),
            presence_to: audience(settings.presence_to).into(),
        }
    }
}

const fn audience(audience: Audience) -> wire::Audience {
    match audience {
        Audience::Everyone => wire::Audience::Everyone,
        Audience::Contacts => wire::Audience::Contacts,
        Audience::Nobody => wire::Audience::Nobody,
    }
}

pub(crate) const fn adding(adding: Adding) -> wire::Adding {
    match adding {
        Adding::Allowed => wire::Adding::Allowed,
        Adding::Contact => wire::Adding::Contact,
        Adding::Refused => wire::Adding::Refused,
        Adding::Blocked => wire::Adding::Blocked,
        Adding::Unknown => wire::Adding::Unknown,
    }
}

pub(crate) const fn visibility(visibility: Visibility) -> wire::Visibility {
    match visibility {
        Visibility::Always => wire::Visibility::Always,
        Visibility::IfShared => wire::Visibility::IfShared,
        Visibility::IfWritten => wire::Visibility::IfWritten,
        Visibility::Never => wire::Visibility::Never,
    }
}

pub(crate) const fn contact_state(link: Option<Link>) -> wire::ContactState {
    match link {
        None => wire::ContactState::None,
        Some(Link::Outgoing) => wire::ContactState::Outgoing,
        Some(Link::Incoming) => wire::ContactState::Incoming,
        Some(Link::Contact) => wire::ContactState::Contact,
    }
}
