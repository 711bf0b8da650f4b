//! The model on the wire.

use hubbub_proto::{identity::v1 as wire, timestamp};

use crate::{
    contacts::Link,
    grants::Grant,
    model::{User, UserKind},
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

pub(crate) const fn contact_state(link: Option<Link>) -> wire::ContactState {
    match link {
        None => wire::ContactState::None,
        Some(Link::Outgoing) => wire::ContactState::Outgoing,
        Some(Link::Incoming) => wire::ContactState::Incoming,
        Some(Link::Contact) => wire::ContactState::Contact,
    }
}
