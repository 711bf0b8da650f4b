//! People as clients see them, and what clients ask about people: profiles, contacts, blocks, and the
//! end of their own logins.

use std::fmt;

use hubbub_domain::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who am I?
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {}

/// What is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateMe {
    /// 1 to 64 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// `#rrggbb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
    /// Empty, or an https address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// Who may add the user to rooms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups_from: Option<Audience>,
    /// Who sees whether the user is online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence_to: Option<Audience>,
}

/// For whom something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    Everyone,
    Contacts,
    Nobody,
}

/// The answer to `me` and `update_me`: the user, and what only they see of themself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeView {
    #[serde(flatten)]
    pub user: UserView,
    pub groups_from: Audience,
    pub presence_to: Audience,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SearchUsers {
    /// What the name starts with, however it is typed.
    pub prefix: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Profiles {
    pub users: Vec<UserId>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Contacts {
    /// Only those who stand like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ContactState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

macro_rules! about_somebody {
    ($($name:ident)+) => {$(
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        pub struct $name {
            pub user: UserId,
        }
    )+};
}

about_somebody! { RequestContact AcceptContact RemoveContact Block Unblock }

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeclineContact {
    pub user: UserId,
    /// That user's later requests are refused, until one asks them.
    #[serde(default)]
    pub for_good: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Blocks {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Ends the login this token belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Logout {}

/// Ends all of the user's logins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogoutEverywhere {}

/// How somebody stands to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContactState {
    /// Nothing between them.
    None,
    /// The user has asked.
    Outgoing,
    /// The other one has asked.
    Incoming,
    Contact,
}

/// Where somebody comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserKind {
    /// Has a password here.
    Account,
    /// For some hours, without a password.
    Guest,
    /// Known by the tokens of another issuer.
    External,
}

/// Somebody, the same for everybody who looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    pub user: UserId,
    pub kind: UserKind,
    /// Normalised and case folded.
    pub name: String,
    pub display_name: String,
    /// `#rrggbb`.
    pub colour: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub avatar_url: String,
    pub created_at: Timestamp,
    /// When a guest ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// The answer to `users`, `profiles` and `blocks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsersPage {
    pub users: Vec<UserView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Somebody in the user's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContactView {
    #[serde(flatten)]
    pub user: UserView,
    pub state: ContactState,
    pub changed_at: Timestamp,
}

/// The answer to `contacts`: by user id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContactsPage {
    pub contacts: Vec<ContactView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// The answer to `request_contact`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Standing {
    pub state: ContactState,
}

/// The tokens of somebody who has proven who they are. Not printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantView {
    /// For `Authorization: Bearer`, or `hello`.
    pub access_token: String,
    pub expires_at: Timestamp,
    /// For `/v1/auth/refresh`, once.
    pub refresh_token: String,
    pub refresh_expires_at: Timestamp,
    /// Names this login.
    pub login: String,
    pub user: UserView,
}

impl fmt::Debug for GrantView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantView").field("login", &self.login).finish_non_exhaustive()
    }
}
