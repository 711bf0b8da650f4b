//! What the identity service says of people: who exists, and whom somebody may add to a room. It is
//! asked before anything is changed, in one call for all people of a request; while it does not
//! answer, nobody is added ([ADR 24](../../../docs/adr/0024-who-may-add-and-see.md)).
//!
//! Where no identity service runs there is no list of people, and nobody can register a name: whom the
//! issuer of tokens names, it alone knows. Nothing is refused then.

use std::time::Duration;

use hubbub_domain::{Code, Fault, UserId};
use hubbub_proto::{
    GRPC_MESSAGE_BYTES_MAX, fault_from_status,
    identity::v1::{
        Adding, CheckAddingRequest, CheckVisibilityRequest, Visibility, WatchedPair,
        identity_service_client::IdentityServiceClient,
    },
};
use hubbub_runtime::grpc::{Channel, RetryPolicy, Transport, retry_idempotent};

use crate::blocking;

/// The way to the identity service, where there is one.
#[derive(Clone)]
pub(crate) struct People {
    pub(crate) identity: Option<Transport>,
    pub(crate) timeout: Duration,
}

/// What becomes of people whom somebody wants to add.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Admission {
    /// In the order of the request.
    pub(crate) allowed: Vec<UserId>,
    /// Those of the allowed who are contacts of the actor.
    pub(crate) contacts: Vec<UserId>,
    pub(crate) refused: Vec<UserId>,
}

impl People {
    /// The actor may write to this person, unless one of them does not exist or blocks the other.
    pub(crate) async fn check_peer(&self, actor: &UserId, peer: &UserId) -> Result<(), Fault> {
        let verdicts = self.judge(actor, std::slice::from_ref(peer)).await?;
        match verdicts.first() {
            Some(Adding::Unknown) => Err(unknown(peer)),
            Some(Adding::Blocked) => Err(blocking::refusal()),
            _ => Ok(()),
        }
    }

    /// Refuses an actor who does not exist.
    pub(crate) async fn check_actor(&self, actor: &UserId) -> Result<(), Fault> {
        self.judge(actor, &[]).await.map(drop)
    }

    /// Whom of these people the actor may add. One who does not exist is refused with the whole request.
    pub(crate) async fn admit(
        &self,
        actor: &UserId,
        users: Vec<UserId>,
    ) -> Result<Admission, Fault> {
        if self.identity.is_none() {
            return Ok(Admission { contacts: users.clone(), allowed: users, refused: Vec::new() });
        }
        let verdicts = self.judge(actor, &users).await?;
        let mut admission = Admission::default();
        for (user, verdict) in users.into_iter().zip(verdicts) {
            match verdict {
                Adding::Unknown => return Err(unknown(&user)),
                Adding::Allowed => admission.allowed.push(user),
                Adding::Contact => {
                    admission.contacts.push(user.clone());
                    admission.allowed.push(user);
                }
                Adding::Refused | Adding::Blocked | Adding::Unspecified => {
                    admission.refused.push(user);
                }
            }
        }
        Ok(admission)
    }

    /// What the first of each pair may see of the second; `None` where no identity service runs.
    pub(crate) async fn visibility(
        &self,
        pairs: &[(UserId, UserId)],
    ) -> Result<Option<Vec<Visibility>>, Fault> {
        let Some(identity) = &self.identity else { return Ok(None) };
        let pair = |(watcher, user): &(UserId, UserId)| WatchedPair {
            watcher_id: watcher.to_string(),
            user_id: user.to_string(),
        };
        let request = CheckVisibilityRequest { pairs: pairs.iter().map(pair).collect() };
        let asking = retry_idempotent(RetryPolicy::default(), || {
            let (mut client, request) = (client(identity), request.clone());
            async move { client.check_visibility(request).await }
        });
        let answer = self.within(asking).await?;
        let visibilities: Vec<Visibility> = answer.visibilities().collect();
        if visibilities.len() == pairs.len() { Ok(Some(visibilities)) } else { Err(malformed()) }
    }

    async fn judge(&self, actor: &UserId, users: &[UserId]) -> Result<Vec<Adding>, Fault> {
        let Some(identity) = &self.identity else {
            return Ok(vec![Adding::Allowed; users.len()]);
        };
        let request = CheckAddingRequest {
            actor_id: actor.to_string(),
            user_ids: users.iter().map(ToString::to_string).collect(),
        };
        let asking = retry_idempotent(RetryPolicy::default(), || {
            let (mut client, request) = (client(identity), request.clone());
            async move { client.check_adding(request).await }
        });
        let answer = self.within(asking).await?;
        if !answer.actor_known {
            return Err(unknown(actor));
        }
        let verdicts: Vec<Adding> = answer.verdicts().collect();
        if verdicts.len() == users.len() { Ok(verdicts) } else { Err(malformed()) }
    }

    async fn within<T>(
        &self,
        asking: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    ) -> Result<T, Fault> {
        let answer = tokio::time::timeout(self.timeout, asking).await;
        let answer =
            answer.map_err(|_| Fault::unavailable("the identity service took too long"))?;
        Ok(answer.map_err(|status| fault_from_status(&status))?.into_inner())
    }
}

fn client(identity: &Transport) -> IdentityServiceClient<Channel> {
    IdentityServiceClient::new(identity.any())
        .max_decoding_message_size(GRPC_MESSAGE_BYTES_MAX)
        .max_encoding_message_size(GRPC_MESSAGE_BYTES_MAX)
}

fn unknown(user: &UserId) -> Fault {
    Fault::new(Code::NotFound, format!("there is no user {user}"))
}

fn malformed() -> Fault {
    Fault::new(Code::Internal, "the identity service's answer has gaps")
}

/// None of the named people may be added.
pub(crate) fn none_may_be_added() -> Fault {
    Fault::new(Code::Forbidden, "none of these users can be added by you")
}
