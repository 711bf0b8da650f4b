//! Who may add whom to rooms, and who may see whether somebody is online. Pure: the store shows how
//! people stand, the rules say what follows ([ADR 24](../../../docs/adr/0024-who-may-add-and-see.md)).

use std::str::FromStr;

use hubbub_domain::UserId;

use crate::model::UserKind;

/// For whom something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    Everyone,
    Contacts,
    Nobody,
}

/// What a user decides for themself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Who may add the user to rooms.
    pub groups_from: Audience,
    /// Who sees whether the user is online.
    pub presence_to: Audience,
}

/// A user, seen from somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tie {
    pub user: UserId,
    pub kind: UserKind,
    pub settings: Settings,
    /// The two are contacts.
    pub contact: bool,
    /// One of the two blocks the other.
    pub blocked: bool,
}

/// Whether a user may be added to a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adding {
    Allowed,
    /// Allowed, and the two are contacts.
    Contact,
    Refused,
    Blocked,
    Unknown,
}

/// Under which condition a user is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    Always,
    /// If the two share a room.
    IfShared,
    /// If the user has written to the watcher.
    IfWritten,
    Never,
}

impl Audience {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Contacts => "contacts",
            Self::Nobody => "nobody",
        }
    }
}

impl FromStr for Audience {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Everyone, Self::Contacts, Self::Nobody]
            .into_iter()
            .find(|audience| audience.as_str() == text)
            .ok_or(())
    }
}

/// Whether somebody of this kind may add a user. Guests never add strangers.
pub fn may_add(actor: UserKind, tie: &Tie) -> Adding {
    if tie.blocked {
        return Adding::Blocked;
    }
    match (tie.settings.groups_from, tie.contact) {
        (Audience::Everyone | Audience::Contacts, true) => Adding::Contact,
        (Audience::Everyone, false) if actor != UserKind::Guest => Adding::Allowed,
        _ => Adding::Refused,
    }
}

/// What somebody may see of a user.
pub fn may_see(tie: &Tie) -> Visibility {
    if tie.blocked {
        return Visibility::Never;
    }
    match (tie.settings.presence_to, tie.contact) {
        (Audience::Nobody, _) => Visibility::Never,
        (Audience::Everyone | Audience::Contacts, true) => Visibility::Always,
        (Audience::Everyone, false) => Visibility::IfShared,
        (Audience::Contacts, false) => Visibility::IfWritten,
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::UserId;

    use super::{Adding, Audience, Settings, Tie, Visibility, may_add, may_see};
    use crate::model::UserKind;

    fn tie(audience: Audience, contact: bool, blocked: bool) -> Tie {
        let settings = Settings { groups_from: audience, presence_to: audience };
        let user = UserId::parse("bob").expect("valid");
        Tie { user, kind: UserKind::Account, settings, contact, blocked }
    }

    #[test]
    fn each_audience_lets_in_whom_it_names() {
        use Adding::{Allowed, Contact, Refused};
        for (audience, contact, account, guest, seen) in [
            (Audience::Everyone, false, Allowed, Refused, Visibility::IfShared),
            (Audience::Everyone, true, Contact, Contact, Visibility::Always),
            (Audience::Contacts, false, Refused, Refused, Visibility::IfWritten),
            (Audience::Contacts, true, Contact, Contact, Visibility::Always),
            (Audience::Nobody, false, Refused, Refused, Visibility::Never),
            (Audience::Nobody, true, Refused, Refused, Visibility::Never),
        ] {
            let free = tie(audience, contact, false);
            assert_eq!(may_add(UserKind::Account, &free), account, "{audience:?} {contact}");
            assert_eq!(may_add(UserKind::External, &free), account, "{audience:?} {contact}");
            assert_eq!(may_add(UserKind::Guest, &free), guest, "{audience:?} {contact}");
            assert_eq!(may_see(&free), seen, "{audience:?} {contact}");
            let blocked = tie(audience, contact, true);
            assert_eq!(may_add(UserKind::Account, &blocked), Adding::Blocked);
            assert_eq!(may_see(&blocked), Visibility::Never);
        }
    }
}
