//! What the service keeps, as plain values.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hubbub_domain::{Timestamp, UserId};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Where somebody comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserKind {
    /// Has a password here.
    Account,
    /// For some hours, without a password.
    Guest,
    /// Known by the tokens of another issuer.
    External,
}

impl UserKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Guest => "guest",
            Self::External => "external",
        }
    }
}

impl FromStr for UserKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Account, Self::Guest, Self::External]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(())
    }
}

/// Somebody, as everybody may see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub kind: UserKind,
    /// Folded: what search looks at.
    pub name: String,
    pub display_name: String,
    pub colour: String,
    pub avatar_url: String,
    pub created_at: Timestamp,
    /// For guests.
    pub expires_at: Option<Timestamp>,
}

/// Somebody with what proves who they are.
#[derive(Clone)]
pub struct Credentials {
    pub user: User,
    /// A PHC string; guests and people of other issuers have none.
    pub password: Option<String>,
    pub banned: bool,
}

/// A login, on one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(Uuid);

impl SessionId {
    pub fn generate() -> Self {
        Self(Uuid::new_v4())
    }
}

impl FromStr for SessionId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::try_parse(text).map(Self)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// What renews a session: 256 random bits. Shown once to its owner, and kept as its hash.
pub struct RefreshToken([u8; 32]);

/// SHA-256 of a refresh token. Enough for what is random: nobody guesses 256 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl RefreshToken {
    pub fn generate() -> Self {
        Self(rand::random())
    }

    /// A token as a client sends it; `None` for what never was one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.as_bytes().get(..43)?).ok()?;
        (text.len() == 43).then_some(Self(bytes.try_into().ok()?))
    }

    /// The token itself, for its owner.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

impl TokenHash {
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Who blocks whom, as the room service is to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockNotice {
    pub user: UserId,
    pub peer: UserId,
    pub blocked: bool,
    pub version: u64,
}

#[cfg(test)]
mod tests {
    use super::RefreshToken;

    #[test]
    fn a_refresh_token_reads_back_and_nothing_else_does() {
        let token = RefreshToken::generate();
        let text = token.reveal();
        let again = RefreshToken::parse(&text).expect("its own text");
        assert!(again.hash() == token.hash());
        let longer = format!("{text}A");
        for other in ["", "x", &text[1..], longer.as_str(), &text.replace(&text[..1], "é")] {
            assert!(RefreshToken::parse(other).is_none(), "{other}");
        }
    }
}
