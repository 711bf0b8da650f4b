//! The claims of a token, judged strictly: a claim that is there must have exactly its type.
//!
//! The library checks issuer and audience; times are judged here, against the clock we are given
//! and without rounding. A claim that stands twice refuses the token (RFC 8725 section 2.4).

use std::time::Duration;

use hubbub_domain::{Timestamp, UserId};
use serde::Deserialize;
use serde_json::Value;

use crate::AuthError;

/// What a token that passed says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who the caller is.
    pub sub: UserId,
    /// The `exp` of the token, without leeway.
    pub expires_at: Timestamp,
    /// The token's own id (`jti`), if it has one.
    pub token_id: Option<String>,
    /// The login session it belongs to (`sid`), if it names one.
    pub session: Option<String>,
    /// When it was made (`iat`), to the second, if it says so.
    pub issued_at: Option<Timestamp>,
    /// Whose key signed it.
    pub signer: Signer,
    /// What it says about its user besides.
    pub profile: Profile,
}

/// Whose key a token was signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// One that the configuration trusts: a secret, a public key, a published key set.
    Configured,
    /// The cluster's own: see [`Issuer`](crate::Issuer).
    Own,
}

/// What an issuer tells of a person (OpenID Connect Core 1.0, section 5.1). Nothing here proves
/// anything, and what is not a text is passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// `name`
    pub display_name: Option<String>,
    /// `preferred_username`
    pub preferred_name: Option<String>,
    /// `picture`
    pub avatar_url: Option<String>,
}

/// The claims as they stand in the token. Deriving from named fields makes a claim that stands twice
/// an error; `Value` leaves the judgement of types to [`RawClaims::judge`].
#[derive(Deserialize)]
pub(crate) struct RawClaims {
    sub: Option<Value>,
    exp: Option<Value>,
    nbf: Option<Value>,
    iss: Option<Value>,
    #[expect(dead_code, reason = "named so that a second one is refused; the library judges it")]
    aud: Option<Value>,
    jti: Option<Value>,
    sid: Option<Value>,
    iat: Option<Value>,
    name: Option<Value>,
    preferred_username: Option<Value>,
    picture: Option<Value>,
}

impl RawClaims {
    pub(crate) fn judge(self, now: Timestamp, leeway: Duration) -> Result<Claims, AuthError> {
        // The library also takes an array here; `iss` is one name (RFC 7519 section 4.1.1).
        if !self.iss.is_some_and(|iss| iss.is_string()) {
            return Err(AuthError::Claim("iss"));
        }
        let expires_at = moment(self.exp.as_ref(), "exp")?.ok_or(AuthError::Claim("exp"))?;
        let leeway_micros = i64::try_from(leeway.as_micros()).unwrap_or(i64::MAX);
        if now.as_micros() >= expires_at.as_micros().saturating_add(leeway_micros) {
            return Err(AuthError::Expired);
        }
        let not_before = moment(self.nbf.as_ref(), "nbf")?.unwrap_or_default();
        if not_before.as_micros() > now.as_micros().saturating_add(leeway_micros) {
            return Err(AuthError::NotYetValid);
        }
        let sub = text(self.sub, "sub")?.ok_or(AuthError::Claim("sub"))?;
        Ok(Claims {
            sub: person(&sub).ok_or(AuthError::Claim("sub"))?,
            expires_at,
            token_id: text(self.jti, "jti")?,
            session: text(self.sid, "sid")?,
            issued_at: self.iat.as_ref().and_then(made_at),
            signer: Signer::Configured,
            profile: Profile {
                display_name: told(self.name),
                preferred_name: told(self.preferred_username),
                avatar_url: told(self.picture),
            },
        })
    }
}

/// Seconds since the epoch, a fraction among them (RFC 7519 section 2, `NumericDate`). The far future is
/// clamped to what a timestamp can hold.
fn moment(claim: Option<&Value>, name: &'static str) -> Result<Option<Timestamp>, AuthError> {
    let Some(claim) = claim else { return Ok(None) };
    let micros = match claim.as_u64() {
        Some(seconds) => i64::try_from(seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX),
        None => micros_of(claim).ok_or(AuthError::Claim(name))?,
    };
    Ok(Some(Timestamp::from_micros(micros)))
}

/// Microseconds of a number of seconds that is no whole one, or is written as if it were none (`1.8e9`).
fn micros_of(claim: &Value) -> Option<i64> {
    let seconds = claim.as_f64().filter(|seconds| *seconds >= 0.0)?;
    #[expect(clippy::cast_possible_truncation, reason = "a cast from a float saturates")]
    let micros = (seconds * 1e6) as i64;
    Some(micros)
}

/// The second a token was made in. Nothing but the refusal of tokens that are too old is derived from it,
/// so that a value of another type is passed over.
fn made_at(claim: &Value) -> Option<Timestamp> {
    let micros = micros_of(claim)?;
    Some(Timestamp::from_micros(micros - micros % 1_000_000))
}

fn told(claim: Option<Value>) -> Option<String> {
    match claim {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn text(claim: Option<Value>, name: &'static str) -> Result<Option<String>, AuthError> {
    match claim {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(AuthError::Claim(name)),
    }
}

/// Who a `sub` names. Not everybody who can be named can log in.
fn person(sub: &str) -> Option<UserId> {
    UserId::parse(sub).ok().filter(|user| user.as_str() != UserId::SYSTEM)
}
