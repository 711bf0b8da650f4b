//! Calls about getting in and staying in.

use hubbub_domain::Fault;
use hubbub_proto::{
    from_timestamp,
    identity::v1::{
        ChangePasswordRequest, ChangePasswordResponse, CheckGrantsRequest, CheckGrantsResponse,
        CreateGuestRequest, CreateGuestResponse, GetKeysRequest, GetKeysResponse, GrantClaims,
        GrantState, LoginRequest, LoginResponse, LogoutEverywhereRequest, LogoutEverywhereResponse,
        LogoutRequest, LogoutResponse, RefreshRequest, RefreshResponse, RegisterRequest,
        RegisterResponse, RotateKeysRequest, RotateKeysResponse, SetBanRequest, SetBanResponse,
    },
};

use crate::{
    attempts::Origin,
    identity::{Claim, Identity, NewAccount, Verdict},
    input,
    store::Ban,
};

/// Grants looked at in one call.
const GRANTS_MAX: usize = 10_000;

impl Identity {
    pub(super) async fn do_register(
        &self,
        request: RegisterRequest,
    ) -> Result<RegisterResponse, Fault> {
        let account = NewAccount {
            name: &request.name,
            password: &request.password,
            display_name: &request.display_name,
            origin: Origin::parse(&request.client_address)?,
        };
        let grant = self.register(&account).await?;
        Ok(RegisterResponse { grant: Some(grant.into()) })
    }

    pub(super) async fn do_login(&self, request: LoginRequest) -> Result<LoginResponse, Fault> {
        let origin = Origin::parse(&request.client_address)?;
        let grant = self.login(&request.name, &request.password, origin.as_ref()).await?;
        Ok(LoginResponse { grant: Some(grant.into()) })
    }

    pub(super) async fn do_create_guest(
        &self,
        request: CreateGuestRequest,
    ) -> Result<CreateGuestResponse, Fault> {
        let origin = Origin::parse(&request.client_address)?;
        let grant = self.create_guest(&request.nickname, origin.as_ref()).await?;
        Ok(CreateGuestResponse { grant: Some(grant.into()) })
    }

    pub(super) async fn do_refresh(
        &self,
        request: RefreshRequest,
    ) -> Result<RefreshResponse, Fault> {
        let grant = self.refresh(&request.refresh_token).await?;
        Ok(RefreshResponse { grant: Some(grant.into()) })
    }

    pub(super) async fn do_logout(&self, request: LogoutRequest) -> Result<LogoutResponse, Fault> {
        let user = input::user("actor_id", &request.actor_id)?;
        let session = request
            .session_id
            .parse()
            .map_err(|_| Fault::bad_request("session_id is not one of this service"))?;
        self.logout(&user, session).await?;
        Ok(LogoutResponse {})
    }

    pub(super) async fn do_logout_everywhere(
        &self,
        request: LogoutEverywhereRequest,
    ) -> Result<LogoutEverywhereResponse, Fault> {
        self.logout_everywhere(&input::user("actor_id", &request.actor_id)?).await?;
        Ok(LogoutEverywhereResponse {})
    }

    pub(super) async fn do_change_password(
        &self,
        request: ChangePasswordRequest,
    ) -> Result<ChangePasswordResponse, Fault> {
        let user = input::user("actor_id", &request.actor_id)?;
        let origin = Origin::parse(&request.client_address)?;
        let passwords = (request.old_password.as_str(), request.new_password.as_str());
        let grant = self.change_password(&user, passwords, origin.as_ref()).await?;
        Ok(ChangePasswordResponse { grant: Some(grant.into()) })
    }

    pub(super) fn do_get_keys(
        &self,
        _: GetKeysRequest,
    ) -> impl Future<Output = Result<GetKeysResponse, Fault>> + use<> {
        std::future::ready(Ok(GetKeysResponse { jwks: self.published_keys() }))
    }

    pub(super) async fn do_rotate_keys(
        &self,
        _: RotateKeysRequest,
    ) -> Result<RotateKeysResponse, Fault> {
        Ok(RotateKeysResponse { key_id: self.rotate_keys().await? })
    }

    pub(super) async fn do_check_grants(
        &self,
        request: CheckGrantsRequest,
    ) -> Result<CheckGrantsResponse, Fault> {
        input::check_count("grants", request.grants.len(), GRANTS_MAX)?;
        let claims: Vec<Option<Claim>> =
            request.grants.into_iter().map(claim).collect::<Result<_, _>>()?;
        let known: Vec<Claim> = claims.iter().flatten().cloned().collect();
        let mut held = self.check_grants(&known).await?.into_iter();
        let states = claims.iter().map(|claim| {
            let verdict = claim.as_ref().and_then(|_| held.next());
            let state = match verdict {
                Some(Verdict::Holds) => GrantState::Holds,
                Some(Verdict::Banned) => GrantState::Banned,
                Some(Verdict::Revoked) | None => GrantState::Revoked,
            };
            state.into()
        });
        Ok(CheckGrantsResponse { states: states.collect() })
    }

    pub(super) async fn do_set_ban(&self, request: SetBanRequest) -> Result<SetBanResponse, Fault> {
        let user = input::user("user_id", &request.user_id)?;
        let ban = if request.banned { Ban::Banned } else { Ban::Lifted };
        self.set_ban(&user, ban).await?;
        Ok(SetBanResponse {})
    }
}

/// `None` for a session that cannot be one of ours: such a grant never held.
fn claim(grant: GrantClaims) -> Result<Option<Claim>, Fault> {
    let user = input::user("user_id", &grant.user_id)?;
    let session = match grant.session_id.as_str() {
        "" => None,
        text => match text.parse() {
            Ok(session) => Some(session),
            Err(_) => return Ok(None),
        },
    };
    Ok(Some(Claim {
        user,
        session,
        issued_at: grant.issued_at.map(from_timestamp),
        display_name: grant.display_name,
        preferred_name: grant.preferred_name,
        avatar_url: grant.avatar_url,
    }))
}
