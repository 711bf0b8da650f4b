//! Calls about who may add and see whom, and what a user decides about it.

use hubbub_domain::Fault;
use hubbub_proto::identity::v1::{
    CheckAddingRequest, CheckAddingResponse, CheckVisibilityRequest, CheckVisibilityResponse,
    GetMeRequest, GetMeResponse, WatchedPair,
};

use crate::{identity::Identity, input, wire};

/// Users looked at by one call.
const ADDED_MAX: usize = 1_000;
/// Pairs of people looked at by one call.
const PAIRS_MAX: usize = 10_000;

impl Identity {
    pub(super) async fn do_get_me(&self, request: GetMeRequest) -> Result<GetMeResponse, Fault> {
        let user = input::user("actor_id", &request.actor_id)?;
        let (user, settings) = self.me(&user).await?;
        Ok(GetMeResponse { user: Some((&user).into()), settings: Some(settings.into()) })
    }

    pub(super) async fn do_check_adding(
        &self,
        request: CheckAddingRequest,
    ) -> Result<CheckAddingResponse, Fault> {
        let actor = input::user("actor_id", &request.actor_id)?;
        let users = input::users("user_ids", &request.user_ids, ADDED_MAX)?;
        let (actor_known, verdicts) = self.check_adding(&actor, &users).await?;
        let verdicts = verdicts.into_iter().map(|verdict| wire::adding(verdict).into()).collect();
        Ok(CheckAddingResponse { actor_known, verdicts })
    }

    pub(super) async fn do_check_visibility(
        &self,
        request: CheckVisibilityRequest,
    ) -> Result<CheckVisibilityResponse, Fault> {
        input::check_count("pairs", request.pairs.len(), PAIRS_MAX)?;
        let parse = |pair: &WatchedPair| {
            let watcher = input::user("watcher_id", &pair.watcher_id)?;
            Ok((watcher, input::user("user_id", &pair.user_id)?))
        };
        let pairs = request.pairs.iter().map(parse).collect::<Result<Vec<_>, Fault>>()?;
        let seen = self.check_visibility(&pairs).await?;
        let visibilities = seen.into_iter().map(|seen| wire::visibility(seen).into()).collect();
        Ok(CheckVisibilityResponse { visibilities })
    }
}
