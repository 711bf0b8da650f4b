//! Whether tokens still hold: asked of the identity service about every token a client shows, and
//! again about those that sessions stand on.
//!
//! A logout or a ban reaches the sessions here on their user's bus topic. What the bus loses, and what
//! happened between a token's check and the session's subscription, is found by asking again: soon
//! after a session began, and then from time to time.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use hubbub_auth::{AuthError, Claims, Issuer, Signer, Unreachable};
use hubbub_domain::{Fault, Timestamp, UserId};
use hubbub_proto::{
    GRPC_MESSAGE_BYTES_MAX, fault_from_status,
    identity::v1::{
        CheckGrantsRequest, GetKeysRequest, GrantClaims, GrantState,
        identity_service_client::IdentityServiceClient,
    },
    timestamp,
};
use hubbub_runtime::grpc::{Channel, RetryPolicy, Transport, retry_idempotent};
use moka::future::Cache;

/// Tokens that were found to hold a moment ago. Beyond it the least used are asked about again.
const REMEMBERED_MAX: u64 = 100_000;
/// How long that is believed: what was taken back is refused everywhere after that.
const REMEMBERED: Duration = Duration::from_secs(1);
/// Grants asked about in one call.
pub(crate) const ASKED_MAX: usize = 10_000;

/// The identity service as the one who says which tokens hold. Clones share what they remember.
#[derive(Clone)]
pub struct Grants {
    identity: Transport,
    retry: RetryPolicy,
    held: Cache<Held, ()>,
}

/// What a token is remembered by: whatever else it says, these decide.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Held {
    user: UserId,
    grant: Grant,
}

/// What a session stands on: the login its token belongs to, or a token of another issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Grant {
    /// Set for tokens of the identity service.
    pub(crate) login: Option<Box<str>>,
    issued_at: Option<Timestamp>,
}

/// Which logins of a user have ended.
#[derive(Clone, Debug)]
pub(crate) struct Revocation {
    /// This one; `None`: all that were there.
    pub(crate) login: Option<Box<str>>,
    pub(crate) at: Timestamp,
    /// But this one, which replaces them.
    pub(crate) except: Option<Box<str>>,
    /// They ended because the user was banned.
    pub(crate) banned: bool,
}

/// What a revocation, or the identity service's answer, means for a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Holds,
    Ended,
    /// It ended because its user is banned.
    Banned,
    /// Made in the very second of the revocation: the identity service knows.
    Ask,
}

impl Grant {
    pub(crate) fn of(claims: &Claims) -> Self {
        let login = match claims.signer {
            Signer::Own => Some(claims.session.clone().unwrap_or_default().into()),
            Signer::Configured => None,
        };
        Self { login, issued_at: claims.issued_at }
    }

    pub(crate) fn under(&self, revocation: &Revocation) -> Verdict {
        match self.ended_by(revocation) {
            Verdict::Ended if revocation.banned => Verdict::Banned,
            verdict => verdict,
        }
    }

    fn ended_by(&self, revocation: &Revocation) -> Verdict {
        let second = |moment: Timestamp| moment.as_micros() / 1_000_000;
        match (&revocation.login, &self.login) {
            (Some(ended), login) if login.as_ref() == Some(ended) => Verdict::Ended,
            (Some(_), _) => Verdict::Holds,
            (None, Some(login)) if revocation.except.as_ref() == Some(login) => Verdict::Holds,
            (None, login) => match self.issued_at.map(second) {
                Some(issued) if issued > second(revocation.at) => Verdict::Holds,
                Some(issued) if issued == second(revocation.at) && login.is_some() => Verdict::Ask,
                _ => Verdict::Ended,
            },
        }
    }

    fn claims(&self, user: &UserId) -> GrantClaims {
        GrantClaims {
            user_id: user.to_string(),
            session_id: self.login.as_deref().unwrap_or_default().to_owned(),
            issued_at: self.issued_at.map(timestamp),
            ..GrantClaims::default()
        }
    }
}

impl Grants {
    pub fn new(identity: Transport) -> Self {
        let held = Cache::builder().max_capacity(REMEMBERED_MAX).time_to_live(REMEMBERED).build();
        Self { identity, retry: RetryPolicy::default(), held }
    }

    pub(crate) fn client(&self) -> IdentityServiceClient<Channel> {
        IdentityServiceClient::new(self.identity.any())
            .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
            .max_encoding_message_size(GRPC_MESSAGE_BYTES_MAX)
    }

    /// Forgets that a grant held.
    pub(crate) async fn forget(&self, user: &UserId, grant: &Grant) {
        self.held.invalidate(&Held { user: user.clone(), grant: grant.clone() }).await;
    }

    /// How each of these grants, [`ASKED_MAX`] at the most, stands now.
    pub(crate) async fn ask(&self, grants: &[(UserId, Arc<Grant>)]) -> Result<Vec<Verdict>, Fault> {
        let grants = grants.iter().map(|(user, grant)| grant.claims(user)).collect();
        self.check(&CheckGrantsRequest { grants }).await
    }

    async fn check(&self, request: &CheckGrantsRequest) -> Result<Vec<Verdict>, Fault> {
        let answer = retry_idempotent(self.retry, || {
            let (mut client, request) = (self.client(), request.clone());
            async move { client.check_grants(request).await }
        });
        let answer = answer.await.map_err(|status| fault_from_status(&status))?.into_inner();
        if answer.states.len() != request.grants.len() {
            return Err(Fault::new(hubbub_domain::Code::Internal, "an answer has gaps"));
        }
        let verdict = |state| match state {
            GrantState::Holds => Verdict::Holds,
            GrantState::Banned => Verdict::Banned,
            GrantState::Revoked | GrantState::Unspecified => Verdict::Ended,
        };
        Ok(answer.states().map(verdict).collect())
    }
}

#[async_trait]
impl Issuer for Grants {
    async fn keys(&self) -> Result<Vec<u8>, Unreachable> {
        let answer = retry_idempotent(self.retry, || {
            let mut client = self.client();
            async move { client.get_keys(GetKeysRequest {}).await }
        });
        let answer = answer.await.map_err(|status| Unreachable(format!("{:?}", status.code())))?;
        Ok(answer.into_inner().jwks)
    }

    async fn holds(&self, claims: &Claims) -> Result<(), AuthError> {
        let grant = Grant::of(claims);
        let asked = GrantClaims {
            display_name: claims.profile.display_name.clone().unwrap_or_default(),
            preferred_name: claims.profile.preferred_name.clone().unwrap_or_default(),
            avatar_url: claims.profile.avatar_url.clone().unwrap_or_default(),
            ..grant.claims(&claims.sub)
        };
        let key = Held { user: claims.sub.clone(), grant };
        let asking = async {
            match self.check(&CheckGrantsRequest { grants: vec![asked] }).await {
                Ok(verdicts) => match verdicts.first() {
                    Some(Verdict::Holds) => Ok(()),
                    Some(Verdict::Banned) => Err(AuthError::Banned),
                    _ => Err(AuthError::Revoked),
                },
                Err(fault) => {
                    tracing::warn!(%fault, "whether a token holds could not be asked");
                    Err(AuthError::StateUnavailable)
                }
            }
        };
        // Many requests with one token ask once.
        self.held.try_get_with(key, asking).await.map_err(|error| error.as_ref().clone())
    }
}

#[cfg(test)]
mod tests {
    use hubbub_domain::Timestamp;

    use super::{Grant, Revocation, Verdict};

    fn grant(login: Option<&str>, second: Option<i64>) -> Grant {
        let issued_at = second.map(|second| Timestamp::from_micros(second * 1_000_000));
        Grant { login: login.map(Into::into), issued_at }
    }

    fn revocation(login: Option<&str>, except: Option<&str>) -> Revocation {
        let at = Timestamp::from_micros(100_500_000);
        let except = except.map(Into::into);
        Revocation { login: login.map(Into::into), at, except, banned: false }
    }

    #[test]
    fn a_ban_says_so_of_all_that_it_ends() {
        let banned = Revocation { banned: true, ..revocation(None, None) };
        assert_eq!(grant(Some("a"), Some(50)).under(&banned), Verdict::Banned);
        assert_eq!(grant(None, None).under(&banned), Verdict::Banned);
        assert_eq!(grant(Some("a"), Some(101)).under(&banned), Verdict::Holds);
    }

    #[test]
    fn a_revocation_ends_what_it_names_and_what_it_cannot_tell_apart() {
        for (grant, revocation, verdict) in [
            (grant(Some("a"), Some(50)), revocation(Some("a"), None), Verdict::Ended),
            (grant(Some("b"), Some(50)), revocation(Some("a"), None), Verdict::Holds),
            (grant(None, Some(50)), revocation(Some("a"), None), Verdict::Holds),
            (grant(Some("a"), Some(99)), revocation(None, None), Verdict::Ended),
            (grant(Some("a"), Some(100)), revocation(None, None), Verdict::Ask),
            (grant(Some("a"), Some(101)), revocation(None, None), Verdict::Holds),
            (grant(Some("a"), None), revocation(None, None), Verdict::Ended),
            (grant(Some("a"), Some(99)), revocation(None, Some("a")), Verdict::Holds),
            (grant(None, Some(100)), revocation(None, None), Verdict::Ended),
            (grant(None, Some(101)), revocation(None, None), Verdict::Holds),
            (grant(None, None), revocation(None, Some("a")), Verdict::Ended),
        ] {
            assert_eq!(grant.under(&revocation), verdict, "{grant:?} {revocation:?}");
        }
    }
}
