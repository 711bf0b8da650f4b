//! What somebody gets who has proven who they are: an access token, signed, that holds for minutes,
//! and a refresh token, known to its owner alone, that renews it.

use hubbub_auth::NewToken;
use hubbub_domain::{Code, Fault, Timestamp};

use crate::{
    config::Config,
    keys::later,
    model::{RefreshToken, SessionId, User},
    ring::Ring,
    store::NewSession,
};

/// Tokens, for their owner. Never printed.
pub(crate) struct Grant {
    pub(crate) user: User,
    pub(crate) session: SessionId,
    pub(crate) access_token: String,
    pub(crate) access_expires_at: Timestamp,
    pub(crate) refresh_token: RefreshToken,
    pub(crate) refresh_expires_at: Timestamp,
}

/// A session that begins, as the store is to keep it, and the token that renews it.
pub(crate) fn begin(
    config: &Config,
    user: &User,
    proof: Option<String>,
    now: Timestamp,
) -> (NewSession, RefreshToken) {
    let token = RefreshToken::generate();
    let expires_at = later(now, config.refresh_lifetime);
    let new = NewSession {
        id: SessionId::generate(),
        user: user.id.clone(),
        proof,
        token: token.hash(),
        at: now,
        expires_at: user.expires_at.map_or(expires_at, |end| end.min(expires_at)),
        sessions_max: config.sessions_per_user_max,
    };
    (new, token)
}

/// A session of the store with its tokens.
pub(crate) struct Renewed {
    pub(crate) user: User,
    pub(crate) session: SessionId,
    pub(crate) token: RefreshToken,
    pub(crate) expires_at: Timestamp,
}

/// Signs the access token. It holds no longer than its session.
pub(crate) fn sign(
    config: &Config,
    ring: &Ring,
    renewed: Renewed,
    now: Timestamp,
) -> Result<Grant, Fault> {
    let Renewed { user, session, token, expires_at } = renewed;
    let end = later(now, config.access_lifetime).min(expires_at);
    let left = u64::try_from(end.as_micros() - now.as_micros()).unwrap_or_default();
    let name = session.to_string();
    let lifetime = std::time::Duration::from_micros(left);
    let mut new = NewToken::new(&user.id, now, lifetime);
    new.session = Some(&name);
    let access_token = ring.mint(&new).map_err(|error| {
        tracing::error!(%error, "a token could not be signed");
        Fault::new(Code::Internal, "a token could not be signed")
    })?;
    // The claim counts whole seconds.
    let seconds =
        now.as_micros() / 1_000_000 + i64::try_from(lifetime.as_secs()).unwrap_or_default();
    Ok(Grant {
        user,
        session,
        access_token,
        access_expires_at: Timestamp::from_micros(seconds.saturating_mul(1_000_000)),
        refresh_token: token,
        refresh_expires_at: expires_at,
    })
}
